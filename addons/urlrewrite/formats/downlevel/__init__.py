"""What IIS lacks, said in rules that it has."""
