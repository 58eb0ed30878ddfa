"""From bytes to events: the compiler of the formats, the kernel that runs them, the slow reference, and the clock."""
