"""Addresses of the network as people read them, and why a port cannot be had. For every way in."""

import errno
import ipaddress


def plain(address: str) -> str:
    """An IPv4 address as such, also when it came through an IPv6 socket; without a zone. Raises ValueError."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return str(mapped or ip)


def why_not(error: OSError) -> str:
    """Why we cannot listen, in words."""
    if error.errno == errno.EADDRINUSE:
        return "another program uses it"
    if error.errno == errno.EACCES:
        return "ports below 1024 need a privilege"
    return error.strerror or "the system refuses"
