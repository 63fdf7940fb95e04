"""`python -m growthos_assets.cli` is the command `growthos`."""

from growthos_assets.cli import main

main()
