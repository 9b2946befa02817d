"""python -m common.datasets: see folders.py."""

from common.datasets.folders import main

if __name__ == "__main__":
    main()
