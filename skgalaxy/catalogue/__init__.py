"""Catalogues: the posterior of many galaxies as a table that astronomers read.

One row per galaxy and, for each answer, columns in the field's style,
``{question}_{answer}_fraction`` and so on (Walmsley et al. 2022, arXiv:2102.08414). A posterior
over a decision tree gives those of all its questions. The suffix of the file tells its kind, and
each kind keeps the model and other metadata in another place:

- ``.csv``: plain text, the names of the columns and the rows. The metadata are in a second file,
  ``{name}.csv-metadata.json``, where "CSV on the Web" (W3C) has them. Read the table by
  ``pandas.read_csv(path, dtype={"id_str": str})``.
- ``.ecsv``: text, and all in one file. Commented lines above the table hold the metadata and the
  types of the columns (Enhanced CSV, astropy's APE 6). Read it by
  ``astropy.table.Table.read(path, format="ascii.ecsv")``.
- ``.parquet``: the metadata are in those of the schema. Read it by ``pandas.read_parquet(path)``.
- ``.fits`` or ``.fit``: the metadata are in the header of the table. Read it by
  ``astropy.table.Table.read(path)``.

The id is text in each of them, because a 64-bit id does not survive as a float. An id that a
spreadsheet would run as a formula is refused: it begins with ``=`` or ``@``, or with ``+`` or ``-``
and calls something. All other ids are written as they are.

`select_sample` picks the galaxies of a class, with the purity or the completeness that you state.
"""

from skgalaxy.catalogue._select import select_sample
from skgalaxy.catalogue._table import make_catalogue
from skgalaxy.catalogue._write import write_catalogue

__all__ = ["make_catalogue", "select_sample", "write_catalogue"]
