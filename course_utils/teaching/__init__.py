"""The course's kit: exercises, labs, the audit game, the training of the shipped models, doctor, scoreboard."""
