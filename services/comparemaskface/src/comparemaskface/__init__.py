"""A local CompareMaskFace service: the vendor's wire, order of checks, limits and bill, on this machine.

    command running settings              how it is started
    app       gateway                     one request from its first byte to its answer
    intake    wire room                   a request's form, and the room its body takes
    admission signature                   its envelope, who signed it
    accounts  quota billing               who may call, how often, and for what money
    comparison                            what is asked: JSON or fields -> two sides
    scorers model_scorer                  the answer, from a hash or from the face model
    fetching images faces ...             what the model needs for it
    faults    faults_fate faults_wire     what goes wrong, for whom, and how it looks; admin
    page      examination                 the same for a person with a browser
    evaluate  evaluation                  how well the scores keep their promise
    mistakes  errors replies meter        how it is told, and what it cost; access_log

Imports nothing else of maskmatch, so that it cannot share the client's mistakes.
"""
