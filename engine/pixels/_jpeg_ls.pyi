DAMAGED: int
NOT_READ: int

def decode(stream: bytes, rows: int, columns: int, samples: int, width: int) -> bytes | int: ...
