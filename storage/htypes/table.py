"""The one table of htypes, by name, without wrappers."""

from __future__ import annotations

from .arrays import Embedding, Generic, KeypointsCoco
from .base import Htype
from .boxes import BBox, BBox3D, Intrinsics, Point
from .files import Audio, Dicom, Mesh, Nifti, PointCloud, Video
from .images import Image, ImageGray, ImageRGB
from .labels import ClassLabel
from .masks import BinaryMask, InstanceLabel, SegmentMask
from .polygons import Polygon
from .text import Json, List, Tag, Text

HTYPES: dict[str, Htype] = {
    htype.name: htype
    for htype in (
        Generic(),
        Image(),
        ImageRGB(),
        ImageGray(),
        ClassLabel(),
        BBox(),
        BBox3D(),
        KeypointsCoco(),
        Point(),
        Polygon(),
        SegmentMask(),
        InstanceLabel(),
        BinaryMask(),
        Intrinsics(),
        Embedding(),
        Text(),
        Json(),
        List(),
        Tag(),
        Audio(),
        Video(),
        Dicom(),
        Nifti(),
        PointCloud(),
        Mesh(),
    )
}
