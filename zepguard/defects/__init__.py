"""Can the drills fail? Each defect of ``defects/`` is put into a copy of the tree, and a drill must see it.

``patches``  the defects: patch files with a header
``copies``   the copies of the tracked files, one a defect, outside of the working tree
``child``    runs scenarios or checks inside a copy, with the copy's own code, until the first red one
``watch``    tells what came of each, and what is red: an assertion that failed, and no crash
``order``    which gate is asked first: the one that caught this defect last time
``matrix``   all defects over all gates, and what it says of the drills
"""
