"""Labs: panels of controls over the methods of the course, one file a subject."""
