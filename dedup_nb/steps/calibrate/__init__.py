"""What only `70_calibrate` needs: drawing pairs, intervals from the answers, a threshold."""
