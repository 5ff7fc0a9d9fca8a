"""Entry point of the export."""

import sys

from reference.serving.gateway.usage.export import main

if __name__ == "__main__":
    sys.exit(main())
