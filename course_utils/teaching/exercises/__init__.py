"""Exercises, one module a chapter, with the framework that checks them and the quizzes."""
