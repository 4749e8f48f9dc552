"""Where the files of a lake's tables lie, and how they are opened: folders of this machine, or an S3 object store."""
