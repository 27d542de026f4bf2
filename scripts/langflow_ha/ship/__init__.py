"""Ships the journal to the site's log stores, with what is secret masked before it leaves the node."""
