from maskmatch.core.comparisons import COMPARISON_BYTES, comparison_of, content_name, md5_of_tag


def test_a_tag_is_an_md5_only_where_it_has_its_form():
    assert md5_of_tag('"D41D8CD98F00B204E9800998ECF8427E"') == "d41d8cd98f00b204e9800998ecf8427e"
    assert md5_of_tag("d41d8cd98f00b204e9800998ecf8427e-3") is None
    assert md5_of_tag("mtime-12") is None
    assert md5_of_tag(None) is None


def test_an_image_is_known_by_the_strongest_name_there_is():
    assert content_name(image_id="a.jpg", md5="m", sha256="s") == "sha256:s"
    assert content_name(image_id="a.jpg", md5="m") == "md5:m"
    assert content_name(image_id="a.jpg", md5="m", tag="t-2") == "md5:m"
    assert content_name(image_id="a.jpg") == "id:a.jpg"


def test_an_image_with_another_tag_is_another_and_so_is_another_image_with_this_tag():
    name = content_name(image_id="a.jpg", tag='"t-2"')
    assert name.startswith("tag:")
    assert content_name(image_id="a.jpg", tag="t-2") == name
    assert content_name(image_id="a.jpg", tag="t-3") != name
    assert content_name(image_id="b.jpg", tag="t-2") != name


def test_a_comparison_has_no_first_and_second_image_but_a_level():
    one = comparison_of("md5:a", "md5:b", 0)
    assert len(one) == COMPARISON_BYTES
    assert comparison_of("md5:b", "md5:a", 0) == one
    assert comparison_of("md5:a", "md5:b", 1) != one
    assert comparison_of("md5:a", "md5:c", 0) != one
