"""What a unit of work costs each side, and how many processes, cores and disks a load needs therefore."""
