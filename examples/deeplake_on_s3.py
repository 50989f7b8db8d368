"""The same story with the photos in a bucket: links with a managed creds key, and classes named as they are met.

    python examples/deeplake_on_s3.py BUCKET [PREFIX]

Below PREFIX (default "coco") lie `annotations/instances_train2017.json` and `train2017/*.jpg`. The endpoint and the
keys of the bucket are boto3's own (AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, ...). Those of the links are found by the creds
key: in LAKEBED_CREDS_MY_S3_CREDS_AWS_ACCESS_KEY_ID and so on, in this machine's keyring (`lakebed creds my_s3_creds`),
or in an AWS profile called "my_s3_creds". Deep Lake asks its server instead; the calls are the same.
"""

import os
import sys

import boto3
import numpy as np
import torch
from playbook import (  # type: ignore[import-not-found]  # the script beside this one
    collate_fn,
    get_model_object_detection,
    train_one_epoch,
    transform_train,
)
from pycocotools.coco import COCO
from tqdm import tqdm

import lakebed as deeplake

dataset_bucket = sys.argv[1]
prefix = sys.argv[2] if len(sys.argv) > 2 else "coco"

# ---- The annotations, from the bucket ----
s3 = boto3.resource(
    "s3",
    aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID"),
    aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY"),
)
s3.Bucket(dataset_bucket).download_file(f"{prefix}/annotations/instances_train2017.json", "anns_train.json")
coco = COCO("anns_train.json")
category_info = coco.loadCats(coco.getCatIds())

# ---- The dataset: links to the photos, boxes, labels ----
ds = deeplake.empty("hub://dl-corp/coco-train", token="Insert API Token")

creds_name = "my_s3_creds"
ds.add_creds_key(creds_name, managed=True)

with ds:
    ds.create_tensor("images", htype="link[image]", sample_compression="jpg")
    ds.create_tensor("boxes", htype="bbox")
    # No class_names: classes are numbered as they are met. To ask for a class that may never come, name all of them.
    ds.create_tensor("categories", htype="class_label")

names = {category["id"]: category["name"] for category in category_info}
with ds:
    for img_id in tqdm(sorted(coco.getImgIds())):
        anns = coco.loadAnns(coco.getAnnIds(img_id))
        boxes = np.zeros((len(anns), 4))
        for i, ann in enumerate(anns):
            boxes[i, :] = ann["bbox"]
        # None where nothing is labelled.
        categories = [names[ann["category_id"]] for ann in anns] or None

        img_url = f"s3://{dataset_bucket}/{prefix}/train2017/{coco.loadImgs(img_id)[0]['file_name']}"
        ds.append(
            {
                "images": deeplake.link(img_url, creds_key=creds_name),
                "boxes": boxes.astype("float32"),
                "categories": categories,
            }
        )
ds.commit("Uploaded COCO")
print(f"{len(ds)} rows, classes {list(ds.categories.info.class_names)}")

# ---- Two corrections ----
ds.pop(len(ds) - 1)
ds.commit("Deleted the last photo because the image is low quality.")

bad = int(np.argmax([len(labels) for labels in ds.categories.numpy(aslist=True)]))
count = len(ds.categories[bad].numpy())
ds.categories[bad] = ds.categories[bad].numpy()[np.arange(0, count) != 2]
ds.boxes[bad] = ds.boxes[bad].numpy()[np.arange(0, count) != 2, :]
ds.commit(f"Deleted bad label at index {bad}")

# ---- The photos of interest, kept under an id and copied for streaming ----
classes_of_interest = ["car", "truck", "bus", "motorcycle", "bicycle", "traffic light", "stop sign"]
try:
    ds.query("select * where " + " or ".join(f"contains(categories, '{name}')" for name in classes_of_interest))
except deeplake.TQLError as error:
    print(f"not every class was met: {error.message}")
    classes_of_interest = [name for name in classes_of_interest if name in ds.categories.info.class_names]

view = ds.query(
    " union ".join(f"(select * where contains(categories, '{name}') limit 1000)" for name in classes_of_interest)
)
view.save_view(message="driving", id="62d6d490e49d0d7bab4e251f")
ds.load_view("62d6d490e49d0d7bab4e251f", optimize=True, num_workers=4)

# ---- Training, usually on another machine ----
ds = deeplake.load("hub://dl-corp/coco-train", token="Insert API Token")
ds_view = ds.load_view("62d6d490e49d0d7bab4e251f")
inds_of_interest = [ds.categories.info.class_names.index(item) for item in classes_of_interest]

train_loader = ds_view.pytorch(
    num_workers=8,
    shuffle=True,
    transform=transform_train,
    transform_kwargs={"inds_of_interest": inds_of_interest},
    tensors=["images", "categories", "boxes"],
    batch_size=16,
    collate_fn=collate_fn,
)
device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
model = get_model_object_detection(1 + len(classes_of_interest), "mobilenet", pretrained=False).to(device)
optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.005, momentum=0.9)
steps = train_one_epoch(model, optimizer, train_loader, device)
print(f"{steps} steps on {len(ds_view)} of {len(ds)} photos, optimized: {ds_view.is_optimized}")
