from mmseg_aux_hrnet.files.names import portable


def test_separators_of_windows_are_read_everywhere():
    assert portable('splits\\train.txt') == 'splits/train.txt'
    assert portable('C:\\data\\green') == 'C:/data/green'
    assert portable('splits/train.txt') == 'splits/train.txt'
