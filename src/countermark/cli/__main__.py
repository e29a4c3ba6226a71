"""`python -m countermark.cli`."""

from countermark.cli import main

if __name__ == "__main__":
    main()
