"""The commands `lakebed ingest-coco`, `ingest-yolo` and `ingest-classification`; importing it loads click alone."""

from __future__ import annotations

from typing import Any

import click

LINKED = {"htype": "link[image]"}


@click.argument("images")
@click.argument("annotations", nargs=-1, required=True)
@click.argument("dest")
@click.option("--link", "linked", is_flag=True, help="Store links to the images instead of their bytes.")
@click.option("--overwrite", is_flag=True, help="Delete the dataset that is there.")
def ingest_coco(images: str, annotations: tuple[str, ...], dest: str, linked: bool, overwrite: bool) -> None:
    """Make a dataset at DEST of a folder of IMAGES and COCO ANNOTATIONS."""
    from .coco import ingest_coco as ingest

    click.echo(repr(ingest(images, list(annotations), dest, image_params=_params(linked), overwrite=overwrite)))


@click.argument("folder")
@click.argument("dest")
@click.option("--annotations", help="Folder of the .txt files, if they do not lie beside the images.")
@click.option("--classes", help="File with a class name on each line.")
@click.option("--allow-no-annotation", is_flag=True, help="Take images without a .txt file as ones without objects.")
@click.option("--link", "linked", is_flag=True, help="Store links to the images instead of their bytes.")
@click.option("--overwrite", is_flag=True, help="Delete the dataset that is there.")
def ingest_yolo(
    folder: str,
    dest: str,
    annotations: str | None,
    classes: str | None,
    allow_no_annotation: bool,
    linked: bool,
    overwrite: bool,
) -> None:
    """Make a dataset at DEST of a FOLDER of images with a YOLO text file for each."""
    from .yolo import ingest_yolo as ingest

    made = ingest(
        folder,
        dest,
        class_names_file=classes,
        annotations_directory=annotations,
        allow_no_annotation=allow_no_annotation,
        image_params=_params(linked),
        overwrite=overwrite,
    )
    click.echo(repr(made))


@click.argument("folder")
@click.argument("dest")
@click.option("--link", "linked", is_flag=True, help="Store links to the images instead of their bytes.")
@click.option("--overwrite", is_flag=True, help="Delete the dataset that is there.")
def ingest_classification(folder: str, dest: str, linked: bool, overwrite: bool) -> None:
    """Make a dataset at DEST of a FOLDER with one folder of images for each class."""
    from .classification import ingest_classification as ingest

    made = ingest(folder, dest, image_params=_params(linked), summary=False, overwrite=overwrite)
    click.echo(repr(made))


def _params(linked: bool) -> dict[str, Any] | None:
    return LINKED if linked else None
