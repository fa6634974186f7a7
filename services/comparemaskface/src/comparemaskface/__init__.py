"""A local CompareMaskFace service: the vendor's wire, order of checks, limits and bill, on this machine.

    command, __main__, settings           how it is started; option_types, clock
    web/        app running               the application, and the process that listens
                connection_limits         what one connection may take
                allocator                 how the process gives memory back
                gateway request_pipeline  one call from its first byte to its answer
                body_memory blocking_work large bodies: their memory, and work on them in threads
                page meter_page           comparing by hand in a browser; GET /meter
                faults_page capacity_page GET and POST /faults and /capacity
                access_log                one line per call
    vision/     scorers examination       the score, from a hash or from the face model; what was seen
                model_scorer fetching     the model's answer, and pictures given by URL
                decoding jpeg png         bytes to pixels; structure: what is wrong with a file
                detection embedding       the largest face and its 128 numbers; faces, weights
                quality score_scale       how usable a face is; similarity on the vendor's scale
                evaluate error_rates      how well the scale holds on pictures of your own
    faults/     named_faults decisions    what can go wrong, and for which call
                options transport         how it is asked for, and how it looks on the wire
                capacity                  how slow it is
    accounts/   account accounts_file     who may call, read from a file
                authentication            who calls
                rate_limits               how often
                meter billing             what was called, and what it costs
    wire/       forms urlencoded          the four forms of a request
                common_parameters         what every request carries
                signature signature_v1    who signed it
                comparison                what is asked: JSON or fields -> two sides
                errors vendor_errors      what can be wrong with it; replies: both envelopes

Imports nothing of maskmatch, so that an error in the client is not repeated here.

Decision: docs/adr/0011-rooms-and-names.md
"""
