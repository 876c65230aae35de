"""Whether an output may be written where it is to go."""

import os

import pytest

from mmseg_aux_hrnet.errors import ConfigError, DataError, OutputExistsError
from mmseg_aux_hrnet.files.names import OutputFiles
from mmseg_aux_hrnet.files.outputs import check_file, check_folder


def test_new_files_and_folders_may_be_written(tmp_path):
    (tmp_path / 'empty').mkdir()
    check_file(tmp_path / 'a.txt', inputs=[tmp_path / 'b.txt'])
    check_file(tmp_path / 'missing' / 'a.txt')
    for name in ('new', 'empty'):
        check_folder(tmp_path / name, advice='name another')


def test_what_exists_is_replaced_only_where_somebody_says_so(tmp_path):
    file = tmp_path / 'out' / 'a.txt'
    file.parent.mkdir()
    file.touch()
    with pytest.raises(OutputExistsError, match=r'a\.txt exists: name another file, or replace it with --overwrite'):
        check_file(file)
    with pytest.raises(OutputExistsError, match='^the copy exists and is not empty: name another'):
        check_folder(file.parent, what='the copy', advice='name another')
    check_file(file, overwrite=True)
    check_folder(file.parent, overwrite=True, advice='name another')


@pytest.mark.parametrize('overwrite', [True, False])
def test_neither_inputs_nor_folders_nor_files_in_place_of_folders(tmp_path, overwrite):
    (tmp_path / 'a.txt').touch()
    with pytest.raises(ConfigError, match='is an input file and would be overwritten'):
        check_file(tmp_path / 'a.txt', inputs=[tmp_path / 'x' / '..' / 'a.txt'], overwrite=overwrite)
    with pytest.raises(ConfigError, match='is a folder'):
        check_file(tmp_path, overwrite=overwrite)
    with pytest.raises(ConfigError, match=r'a\.txt is a file: name another'):
        check_folder(tmp_path / 'a.txt', overwrite=overwrite, advice='name another')


def test_an_input_under_a_second_name(tmp_path):
    (tmp_path / 'a.txt').touch()
    os.link(tmp_path / 'a.txt', tmp_path / 'b.txt')
    with pytest.raises(ConfigError, match=r'b\.txt is an input file'):
        check_file(tmp_path / 'b.txt', inputs=[tmp_path / 'a.txt'], overwrite=True)
    with pytest.raises(DataError, match=r'b\.png is an input'):
        os.link(tmp_path / 'a.txt', tmp_path / 'b.png')
        OutputFiles(tmp_path).target('images/b.jpg', label_path=str(tmp_path / 'a.txt'))


def test_the_error_is_one_of_files_that_exist():
    assert issubclass(OutputExistsError, (ConfigError, FileExistsError))
    assert str(OutputExistsError('a exists')) == 'a exists'
