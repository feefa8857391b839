"""Everything that ms-swift and its trainers see of this package: template, scheduler, rewards, callback, patch."""
