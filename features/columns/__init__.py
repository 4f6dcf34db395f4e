"""The numbers of each subject: COLUMNS names them, values() gives them in that order."""
