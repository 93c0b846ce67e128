"""Material for teaching the course: exercises with their checks, and quizzes."""
