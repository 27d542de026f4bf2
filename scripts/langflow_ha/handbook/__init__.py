"""What the site generator does not do by itself, to make the handbook of docs/."""
