"""``python -m skgalaxy`` is the command ``skgalaxy``."""

import sys

from skgalaxy.cli import main

sys.exit(main())
