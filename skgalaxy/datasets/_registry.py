"""Published data sets in pooch's notation: a checksum for every file, and its address.

Nobody has yet downloaded these files through skgalaxy. Addresses, sizes and checksums come from
public documents, which the remarks name. A checksum is None if none was found, or if nothing
confirms it. The first download is then trusted, and its SHA256 is recorded beside it.
"""

from dataclasses import dataclass

__all__ = ["GALAXY_ZOO_2_FILES", "GZ_DECALS_FILES", "Published"]


@dataclass(frozen=True)
class Published:
    """A published data set: its files, and the papers that you cite for them."""

    name: str
    fetcher: str  # the public function
    title: str
    dialect: str  # of its tables, for `read_votes`
    id_column: str
    registry: dict[str, str | None]  # file: "md5:...", "sha256:..." or None
    urls: dict[str, str]
    remarks: dict[str, str]  # size as reported, and where the address was found
    images: tuple[str, ...]  # the archives of images
    homepage: str
    licence: str
    citation: str
    image_names: str | None = None  # a table of the image of every object

    def describe(self) -> str:
        """Source, licence, citation and files as text."""
        files = "\n".join(
            f"  {name}, not verified; {checksum or 'no checksum known'}\n"
            f"    {self.urls[name]}\n    {self.remarks[name]}"
            for name, checksum in self.registry.items()
        )
        return (
            f"{self.title}\n{'-' * len(self.title)}\nSource: {self.homepage}\n"
            f"Licence: {self.licence}\nCite: {self.citation}\nFiles:\n{files}\n"
        )


def _on_zenodo(record: int, names: list[str]) -> dict[str, str]:
    """Addresses of files by their names."""
    return {name: f"https://zenodo.org/records/{record}/files/{name}?download=1" for name in names}


GALAXY_ZOO_2_FILES = Published(
    name="galaxy_zoo_2",
    fetcher="fetch_galaxy_zoo2",
    title="Galaxy Zoo 2: SDSS images of the original sample, votes of Hart et al. 2016",
    dialect="gz2",
    id_column="dr7objid",
    registry={
        "gz2_hart16.csv.gz": None,
        "gz2_filename_mapping.csv": "md5:7e28465e6dfbf96c0d828c595a5bbd80",
        "images_gz2.zip": "md5:bc647032d31e50c798770cf4430525c7",
    },
    urls={
        "gz2_hart16.csv.gz": "https://gz2hart.s3.amazonaws.com/gz2_hart16.csv.gz",
        **_on_zenodo(3565489, ["gz2_filename_mapping.csv", "images_gz2.zip"]),
    },
    remarks={
        "gz2_hart16.csv.gz": "some 240,000 rows; found in download scripts of several public "
        "repositories, which name https://data.galaxyzoo.org as their source",
        "gz2_filename_mapping.csv": "355,990 rows; found in download scripts of several public "
        "repositories, the checksum in two of them",
        "images_gz2.zip": "3.4 GB, 243,434 JPEGs of 424 x 424 pixels; found in the source of "
        "galaxy-datasets, which checks the same checksum, and others (another version of the "
        "same source has a different one)",
    },
    images=("images_gz2.zip",),
    homepage="https://doi.org/10.5281/zenodo.3565489 and https://data.galaxyzoo.org",
    licence="images reported as CC BY 4.0 (second hand); the table's page asks for citation and "
    "is reported to state no licence",
    citation="Willett et al. 2013, MNRAS 435, 2835, doi:10.1093/mnras/stt1458; Hart et al. 2016, "
    "MNRAS 461, 3663, doi:10.1093/mnras/stw1588; and the images' doi:10.5281/zenodo.3565489",
    image_names="gz2_filename_mapping.csv",
)

_DECALS_TABLES = {
    "gz_decals_volunteers_5.csv": "145.8 MB",
    "gz_decals_volunteers_1_and_2.csv": "80.8 MB",
}
_DECALS_IMAGES = tuple(f"gz_decals_dr5_png_part{part}.zip" for part in (1, 2, 3, 4))

GZ_DECALS_FILES = Published(
    name="gz_decals",
    fetcher="fetch_gz_decals",
    title="Galaxy Zoo DECaLS: volunteers' votes on DECaLS DR5 images",
    dialect="zoobot",
    id_column="iauname",
    registry=dict.fromkeys([*_DECALS_TABLES, *_DECALS_IMAGES]),
    urls=_on_zenodo(4573248, [*_DECALS_TABLES, *_DECALS_IMAGES]),
    remarks={
        name: f"{size}; found in scripts of several public repositories, the size in one note, "
        "whose checksums nothing confirms and are left out"
        for name, size in _DECALS_TABLES.items()
    }
    | dict.fromkeys(
        _DECALS_IMAGES,
        "a part of four, 104 GB together, PNG of 424 x 424 pixels; found in the download "
        "instructions of a TensorFlow data set, the size in one note; the address follows that "
        "of the tables",
    ),
    images=_DECALS_IMAGES,  # named by iauname: no table of names is needed
    homepage="https://doi.org/10.5281/zenodo.4573248",
    licence="CC BY 4.0, as a copy of the data set on Hugging Face states",
    citation="Walmsley et al. 2022, MNRAS 509, 3966, doi:10.1093/mnras/stab2093; and the data's "
    "doi:10.5281/zenodo.4573248",
)
