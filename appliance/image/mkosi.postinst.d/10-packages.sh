#!/bin/sh
# On the builder, before anything is removed: what the SBOM is made of leaves the image.
set -eu
mkdir -p "$OUTPUTDIR/sbom"
cp "$BUILDROOT/var/lib/dpkg/status" "$OUTPUTDIR/sbom/status"
mkdir -p "$OUTPUTDIR/sbom/copyright"
for file in "$BUILDROOT"/usr/share/doc/*/copyright; do
  [ -f "$file" ] || continue
  cp "$file" "$OUTPUTDIR/sbom/copyright/$(basename "$(dirname "$file")")"
done
