"""From the similarity of two embeddings to the vendor's scale.

The vendor promises false match rates of 1e-3, 1e-4 and 1e-5 at scores 40, 50 and 60 (face model 3.0,
https://cloud.tencent.com/document/api/867/50425). The knots put the same rates of this model there. They
imitate the scale; the vendor's score for a given pair will differ.
"""

import numpy as np

from comparemaskface.vision.faces import Face

# Fitted with OpenCV 5.0.0 on 54,615 pairs of different people without masks: their cosines are normal with
# mu = 0.105, sd = 0.094. To refit, take the cosines at the three rates; below and above them the line only
# keeps order.
COSINES = (-0.30, 0.10, 0.22, 0.32, 0.39, 0.45, 0.50, 0.90)
SCORES = (0, 13, 20, 30, 40, 50, 60, 100)


def score(a: Face, b: Face) -> float:
    """Return the similarity of two faces, 0 to 100 with two decimals."""
    return scale(float(a.embedding @ b.embedding))


def scale(cosine: float) -> float:
    """Return the score of a cosine; straight lines between the knots, clipped outside them."""
    return round(float(np.interp(cosine, COSINES, SCORES)), 2)
