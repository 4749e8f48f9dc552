"""What every part of Lagoa speaks in: values, and the ports that adapters implement. No file is opened here."""
