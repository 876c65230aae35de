import pytest

from mmseg_aux_hrnet.errors import ConfigError
from mmseg_aux_hrnet.maps.options import check_output, parse_names


def test_names_are_separated_by_commas():
    assert parse_names('other, green', option='--of') == ('other', 'green')
    assert parse_names(None, option='--of') is None
    for text in ('', 'a,,b', 'a,a'):
        with pytest.raises(ConfigError, match='--of is'):
            parse_names(text, option='--of')


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('a.txt', 'it can end in .csv, .json'),
        ('in.csv', 'in.csv is an input file and would be overwritten: name another file'),
        ('dir.json', 'is a folder'),
        ('old.csv', '--overwrite'),
    ],
)
def test_files_that_cannot_be_written_are_refused(tmp_path, name, said):
    (tmp_path / 'dir.json').mkdir()
    (tmp_path / 'old.csv').write_text('')
    with pytest.raises(ConfigError, match=said):
        check_output(tmp_path / name, suffixes=('.csv', '.json'), inputs=[tmp_path / 'in.csv'], overwrite=False)


def test_a_new_file_and_one_to_replace_are_allowed(tmp_path):
    (tmp_path / 'old.CSV').write_text('')
    for name in ('new.csv', 'old.CSV'):
        check_output(tmp_path / name, suffixes=('.csv',), inputs=[tmp_path / 'in.csv'], overwrite=True)
