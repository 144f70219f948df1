"""The list of what an image is made of, in the two forms that programs read: CycloneDX 1.6 and SPDX 2.3, both JSON.

The forms' fields are those of https://cyclonedx.org/docs/1.6/json/ and https://spdx.github.io/spdx-spec/v2.3/. The same
components make the same bytes. It must not know where the components were read.
"""

import datetime
import json
import uuid
from collections.abc import Sequence
from typing import Any

from appliance.image.building.components import Component

SPACE = uuid.UUID("6f1d6c8e-0f0b-4a55-9a5b-64a1b7a2f2f0")
"""Document numbers are made of this and the components, so that they are the same for the same image."""


def moment(epoch: int) -> str:
    """Seconds since 1970 as both forms write a moment."""
    return datetime.datetime.fromtimestamp(epoch, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cyclonedx(image: str, version: str, epoch: int, components: Sequence[Component]) -> dict[str, Any]:
    """A CycloneDX document of the image."""
    listed = [_cyclonedx(component) for component in sorted(components)]
    number = uuid.uuid5(SPACE, json.dumps([image, version, listed], sort_keys=True))
    root = f"pkg:generic/{image}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "timestamp": moment(epoch),
            "component": {"type": "operating-system", "bom-ref": root, "name": image, "version": version, "purl": root},
        },
        "components": listed,
        "dependencies": [{"ref": root, "dependsOn": [entry["bom-ref"] for entry in listed]}],
    }


def _cyclonedx(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.supplier:
        entry["supplier"] = {"name": component.supplier}
    if component.sha256:
        entry["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.expression:
        entry["licenses"] = [{"expression": component.expression}]
    elif component.licences:
        entry["licenses"] = [{"license": {"name": name}} for name in component.licences]
    return entry


def spdx(image: str, version: str, epoch: int, components: Sequence[Component]) -> dict[str, Any]:
    """An SPDX document of the image."""
    listed = [_spdx(number, component) for number, component in enumerate(sorted(components), 1)]
    number = uuid.uuid5(SPACE, json.dumps([image, version, listed], sort_keys=True))
    root = {"SPDXID": "SPDXRef-image", "name": image, "versionInfo": version, "downloadLocation": "NOASSERTION"}
    owns = [
        {"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS", "relatedSpdxElement": entry["SPDXID"]}
        for entry in listed
    ]
    describes = {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": "SPDXRef-image",
    }
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{image}-{version}",
        "documentNamespace": f"urn:uuid:{number}",
        "creationInfo": {"created": moment(epoch), "creators": ["Tool: stellwerk-image"]},
        "packages": [root, *listed],
        "relationships": [describes, *owns],
    }


def _spdx(number: int, component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "SPDXID": f"SPDXRef-{number}",
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseDeclared": component.expression or "NOASSERTION",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": component.purl,
            }
        ],
    }
    if component.licences and not component.expression:
        entry["licenseComments"] = "the package names: " + ", ".join(component.licences)
    if component.supplier:
        entry["supplier"] = f"Organization: {component.supplier}"
    if component.sha256:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": component.sha256}]
    return entry
