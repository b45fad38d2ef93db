"""What leaves the house: the Gradescope archive, and the students' kit without answers."""
