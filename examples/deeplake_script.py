"""A script written for Deep Lake 3, changed in its first import alone.

It makes the calls of Deep Lake's playbook on training with lineage, in its order and with its arguments; only the
folder of the photos is local instead of a bucket. `python examples/deeplake_script.py` runs it on the sample.
"""

import os
import sys
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from tqdm import tqdm

import lakebed as deeplake

coco_folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "coco-sample"


def transform(sample_in):
    """What a training run would do to a sample; here the image is cut to a common size."""
    image = sample_in["images"]
    if image.shape[2] == 1:
        image = np.repeat(image, 3, axis=2)
    return image[:224, :224], sample_in["categories"], sample_in["boxes"]


def collate_fn(batch):
    return tuple(zip(*batch))


def main():
    coco = COCO(str(coco_folder / "annotations.json"))
    category_info = coco.loadCats(coco.getCatIds())

    # ---- Create the dataset ----
    ds = deeplake.empty("hub://dl-corp/coco-train", token="Insert API Token", overwrite=True)

    creds_name = "my_s3_creds"
    ds.add_creds_key(creds_name, managed=True)

    img_ids = sorted(coco.getImgIds())

    with ds:
        ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("categories", htype="class_label", class_names=[c["name"] for c in category_info])

    with ds:
        for img_id in tqdm(img_ids):
            anns = coco.loadAnns(coco.getAnnIds(img_id))
            img_coco = coco.loadImgs(img_id)[0]

            boxes = np.zeros((len(anns), 4))
            categories = []
            for i, ann in enumerate(anns):
                boxes[i, :] = ann["bbox"]
                categories.append(
                    [
                        category_info[i]["name"]
                        for i in range(len(category_info))
                        if category_info[i]["id"] == ann["category_id"]
                    ][0]
                )

            # If there are no categories present, append the empty list as None.
            if categories == []:
                categories = None

            img_url = str(coco_folder / "images" / img_coco["file_name"])

            ds.append(
                {
                    "images": deeplake.link(img_url, creds_key=creds_name),
                    "boxes": boxes.astype("float32"),
                    "categories": categories,
                }
            )
    ds.commit("Uploaded COCO")

    # ---- Correct it ----
    ds.pop(51)
    ds.commit("Deleted index 51 because the image is low quality.")

    ds.categories[8] = ds.categories[8].numpy()[np.arange(0, 4) != 2]
    ds.boxes[8] = ds.boxes[8].numpy()[np.arange(0, 4) != 2, :]
    ds.commit("Deleted bad label at index 8")
    ds.log()

    # ---- Query, save, optimise ----
    view = ds.query(
        """
        (select * where contains(categories, 'car') limit 1000)
          union
        (select * where contains(categories, 'stop sign') limit 1000)
        """
    )
    view.save_view(message="cars and stop signs", id="62d6d490e49d0d7bab4e251f")
    ds.load_view("62d6d490e49d0d7bab4e251f", optimize=True, num_workers=4)

    # ---- Train, usually on another machine ----
    ds = deeplake.load("hub://dl-corp/coco-train", token="Insert API Token")
    ds_view = ds.load_view("62d6d490e49d0d7bab4e251f")

    classes_of_interest = ["car", "stop sign"]
    inds_of_interest = [ds.categories.info.class_names.index(item) for item in classes_of_interest]
    print("classes", dict(zip(classes_of_interest, inds_of_interest)))

    train_loader = ds_view.pytorch(
        num_workers=2,
        shuffle=True,
        transform=transform,
        tensors=["images", "categories", "boxes"],
        batch_size=4,
        collate_fn=collate_fn,
    )
    images = 0
    for data in train_loader:
        images += len(data[0])
        assert all(image.shape[2] == 3 for image in data[0])
    print(f"{images} images of {len(ds)} rows seen in one epoch")

    ds.delete_view("62d6d490e49d0d7bab4e251f")


if __name__ == "__main__":
    os.environ.setdefault("LAKEBED_HUB", str(Path("out/hub").resolve()))
    main()
