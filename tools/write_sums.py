"""Writes the SHA-256 of the shipped weights beside them, once weights were added: python tools/write_sums.py"""

from course_utils.teaching.training.save import write_sums

if __name__ == "__main__":
    write_sums()
