"""The students' kit: what runs on a student's own machine, before the deadline. It holds no answer, no points."""
