#!/usr/bin/env bash
# transformers 5.23.0, tokenizers 0.23.3, Python 3.11
#
# A tokenizer's folder that has its configuration but not its vocabulary (no tokenizer.json, no spiece.model, no
# vocab.json) loads without an error or a warning. The tokenizer then knows its special tokens alone, and every prompt
# becomes the same few ids. A text-to-image pipeline with such a folder draws pictures that ignore the prompt.
#
# Seen: T5Tokenizer and CLIPTokenizer load; "a red circle" and "two green trees" are encoded alike.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet transformers==5.23.0 tokenizers==0.23.3 sentencepiece==0.2.3 protobuf==7.36.2
cat > "$folder/see.py" <<'PYTHON'
import json
import pathlib
import sys
import warnings

from transformers import CLIPTokenizer, T5Tokenizer

warnings.simplefilter("error")
root = pathlib.Path(sys.argv[1])
alike = []
for kind in (T5Tokenizer, CLIPTokenizer):
    folder = root / kind.__name__
    folder.mkdir()
    configuration = {"tokenizer_class": kind.__name__, "model_max_length": 77}
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration))
    tokenizer = kind.from_pretrained(folder)
    ids = [tokenizer(text).input_ids for text in ("a red circle", "two green trees")]
    print(kind.__name__, "vocabulary", len(tokenizer), "ids", *ids)
    alike.append(set(ids[0]) == set(ids[1]))
sys.exit(0 if all(alike) else 1)
PYTHON
HF_HUB_OFFLINE=1 "$folder/env/bin/python" "$folder/see.py" "$folder"
