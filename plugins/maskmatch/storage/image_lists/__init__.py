"""Lists of images as people have them: a file of rows, or a folder with the images themselves.

    images     a list in memory: ids, subjects, attributes, and where each image stands
    rows       columns of text to images and bad rows; what stands twice
    files      a list that is a file: any kind that a manifest may be
    folders    a list that is a folder of a store

Decision: docs/adr/0024-pairs-are-numbers.md
"""

from maskmatch.storage.image_lists.files import read_list_file
from maskmatch.storage.image_lists.folders import read_folder
from maskmatch.storage.image_lists.images import ImageList

__all__ = ["ImageList", "read_folder", "read_list_file"]
