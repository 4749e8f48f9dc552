"""The values that every part of Lagoa uses, and the ports that adapters implement. No file is opened here."""
