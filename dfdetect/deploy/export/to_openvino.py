"""OpenVINO IR, read from the ONNX graph: no further converter, and the same int8 network."""

import tempfile
from pathlib import Path
from typing import Any

from dfdetect.deploy.engines.engine import require
from dfdetect.deploy.engines.openvino import SECTION
from dfdetect.deploy.metadata import PREFIX, ModelFacts
from dfdetect.deploy.quiet import hushed
from dfdetect.deploy.seal import KEY, OPEN, close_seal
from dfdetect.files import replacing


def write_openvino(model: Any, facts: ModelFacts, file: Path) -> None:
    """Write FILE.xml and, beside it, FILE.bin.

    Args:
        model: an `onnx.ModelProto` without metadata, in the precision that is wanted.
        facts: for the .xml's rt_info.
        file: ends in .xml.

    Raises:
        MissingExtraError: openvino is not installed.
    """
    ov = require("openvino", "openvino", "Exporting to OpenVINO")
    with hushed():
        converted = ov.Core().read_model(model.SerializeToString())
        for key, value in {**facts.to_strings(), KEY: OPEN}.items():
            converted.set_rt_info(value, [SECTION, key.removeprefix(PREFIX)])
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "model.xml"
            ov.save_model(converted, made, compress_to_fp16=False)
            for suffix in (".bin", ".xml"):
                with replacing(file.with_suffix(suffix)) as temporary:
                    temporary.write_bytes(made.with_suffix(suffix).read_bytes())
    close_seal(file, file.with_suffix(".bin"))
