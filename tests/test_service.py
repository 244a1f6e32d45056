"""The HTTP face: habits of recorded clients, an existing client, made-up requests."""

import base64
import io
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from urllib.parse import quote

import httpx2 as httpx
import numpy as np
import pandas as pd
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from PIL import Image

import workbench as wb
from workbench.service import Settings, create_app, keys, run
from workbench.service.registry import TURNS

pytestmark = pytest.mark.slow
SIMULATOR = ("label", "isAnomaly", "image", "overlay", "time", "anomaly_score")
CASES = int(os.environ.get("WORKBENCH_SERVICE_CASES", "20"))  # requests made per operation


@pytest.fixture(scope="module")
def served(tmp_path_factory, photos, fitted_config):
    """A workspace with photos of lens and SMT, a row model, and an application over it."""
    home = tmp_path_factory.mktemp("home")
    (home / "notebooks").mkdir()
    for label, images in zip(("OK", "NG"), photos, strict=True):
        folder = home / "data" / "lens" / label
        folder.mkdir(parents=True)
        for i, image in enumerate(images[:12]):
            image = image[..., 0] * np.uint16(257) if i == 0 else image  # one of 16 bits
            Image.fromarray(image).save(folder / f"{label} {i} 부품.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(home))
        detector = wb.CSFlowDetector(fitted_config).fit(
            wb.load_images(home / "data" / "lens"), progress=False
        )
        wb.save(detector, home / "models" / "lens")
        shutil.copytree(home / "models" / "lens", home / "models" / "SMT")
        rng = np.random.default_rng(0)
        temp = rng.normal(25, 1, 300)
        table = pd.DataFrame(
            {"temp": temp, "vibration": temp / 100 + rng.normal(0, 0.001, 300), "pressure": 1.0}
        )
        table["pressure"] += rng.normal(0, 0.01, 300)
        sensors = wb.AutoEncoderDetector(wb.AutoEncoderConfig(epochs=5, missing=1))
        wb.save(sensors.fit(table, progress=False), home / "models" / "press")
        yield home


@pytest.fixture(scope="module")
def fitted_config():
    return wb.CSFlowConfig(image_size=128, hidden=8, kernels=(3,), epochs=2, batch=4)


@pytest.fixture(scope="module")
def client(served):
    with TestClient(create_app(Settings(simulator_page="http://old.page"))) as client:
        yield client


def png(size=96):
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (120, 110, 100)).save(buffer, "png")
    return buffer.getvalue()


# --- the simulator's page


def asked(client, path, **query):
    """As axios 0.27 sends it from another origin: blanks as +, an undefined parameter left out."""
    text = "&".join(f"{k}={quote(v, safe=':$,[]').replace('%20', '+')}" for k, v in query.items())
    return client.get(f"{path}?{text}", headers={"Origin": "http://old.page"})


def test_the_old_page_steps_through_a_dataset_as_it_always_did(client, served):
    names = asked(client, "/getAllData", dataset="lens").json()["list"]
    again = asked(client, "/getAllData", dataset="lens").json()["list"]  # React calls it twice
    assert sorted(names) == sorted(again) and {name[:3] for name in names} == {"OK/", "NG/"}
    before = asked(client, "/getHistogram", model="CS-Flow", dataset="lens")
    assert before.json()["status"] is True and shown(before.json()["image"]) == "PNG"
    for name in again:
        with ThreadPoolExecutor() as pool:  # the histogram is asked for while a part is judged
            histogram = pool.submit(
                asked, client, "/getHistogram", model="CS-Flow", dataset="lens"
            )
            answer = asked(client, "/predict", model="CS-Flow", dataset="lens", img_name=name)
        body = answer.json()
        assert all(key in body for key in SIMULATOR) and body["label"] == name[:2]
        assert isinstance(body["time"], float) and isinstance(body["isAnomaly"], bool)
        assert shown(body["image"]) == "PNG" and shown(body["overlay"]) == "JPEG"
        assert opened(body["image"]).mode == "RGB"  # what a browser shows
        assert histogram.result().status_code == 200
    table = pd.read_csv(served / "reports" / "lens" / "lens_result.csv")
    assert list(table)[:4] == ["file name", "label", "prediction", "anomaly score"]
    assert len(table) == len(names)
    asked(client, "/getAllData", dataset="lens")
    kept = pd.read_csv(served / "reports" / "lens" / "lens_result-1.csv")
    pd.testing.assert_frame_equal(kept, table)


def opened(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def shown(text):
    return opened(text).format


def test_after_the_last_part_the_page_asks_without_a_name(client):
    answer = asked(client, "/predict", model="CS-Flow", dataset="lens")
    assert answer.status_code == 400 and "img_name" in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == "http://old.page"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/getAllData", {"dataset": "nothing"}),
        ("/getAllData", {"dataset": "../models/lens"}),
        ("/getAllData", {}),
        ("/getAllData", {"dataset": "press"}),
        ("/predict", {"model": "CS-Flow", "dataset": "lens", "img_name": "OK/none.png"}),
        ("/predict", {"model": "CS-Flow", "dataset": "lens", "img_name": "../../etc/passwd"}),
        ("/predict", {"model": "PatchCore", "dataset": "lens", "img_name": "OK/none.png"}),
        ("/getHistogram", {"model": "CS-Flow", "dataset": "nothing"}),
    ],
)
def test_what_is_not_listed_is_a_4xx_with_json_that_the_page_may_read(client, path, query):
    answer = asked(client, path, **query)
    assert 400 <= answer.status_code < 500 and answer.json()
    assert answer.headers["access-control-allow-origin"] == "http://old.page"


def test_module_is_smt_and_a_part_asked_twice_counts_once(client, served):
    name = asked(client, "/getAllData", dataset="module").json()["list"][0]
    first, second = (
        asked(client, "/predict", model="CS-Flow", dataset="module", img_name=name).json()
        for _ in range(2)
    )
    assert first["anomaly_score"] == second["anomaly_score"] and second["time"] >= 0
    assert len(pd.read_csv(served / "reports" / "SMT" / "module_result.csv")) == 1


def test_a_disk_that_fails_is_said_in_json(served):
    folder = served / "reports" / "SMT"
    with TestClient(create_app(Settings(simulator_page="http://old.page"))) as client:
        assert asked(client, "/getAllData", dataset="SMT").status_code == 200
        folder.rename(folder.with_name("gone"))
        answer = asked(client, "/getAllData", dataset="SMT")
        folder.with_name("gone").rename(folder)
    assert answer.status_code == 503 and str(served) not in answer.text
    assert "No such file" in answer.json()["detail"]
    assert answer.headers["access-control-allow-origin"] == "http://old.page"


def test_verdicts_are_those_of_the_saved_detector(client, served):
    detector = wb.load(served / "models" / "lens")
    parts = detector.parts().test
    asked(client, "/getAllData", dataset="lens")
    for index in (0, len(parts) - 1):
        name = parts.names[index]
        body = asked(client, "/predict", model="CS-Flow", dataset="lens", img_name=name).json()
        mine = detector.evaluate_one(parts[index])
        assert body["isAnomaly"] == mine.is_anomaly
        np.testing.assert_allclose(body["anomaly_score"], mine.score, rtol=1e-5)


# --- the sensor service


def test_a_row_in_order_and_a_row_by_name_get_the_same_score(client, served):
    row = {"temp": 25.1, "vibration": 0.251, "pressure": 1.0}
    ordered = client.post("/anomaly", json={"values": list(row.values())}).json()
    named = client.post("/predict", json=row).json()
    mine = wb.load(served / "models" / "press").evaluate_one(row)
    assert ordered["anomaly_score"] == ordered["score"] == named["anomaly_score"]
    np.testing.assert_allclose(ordered["score"], mine.score, rtol=1e-9)
    assert ordered["status"] == ("abnormal" if mine.is_anomaly else "normal")
    assert named["input"] == row and "timestamp" in named and "press" in named["model_version"]
    assert client.post("/anomaly", json={"values": [99, 0.2, 1]}).json()["status"] == "abnormal"


def test_a_silent_sensor_is_left_out_of_the_score_and_said(client, served):
    row = {"temp": 25.1, "vibration": None, "pressure": 1.0}
    answer = client.post("/predict", json=row).json()
    assert (answer["missing"], answer["input"]) == (["vibration"], row)
    with pytest.warns(UserWarning, match="left out of the score"):
        mine = wb.load(served / "models" / "press").evaluate_one(row | {"vibration": np.nan})
    np.testing.assert_allclose(answer["score"], mine.score, rtol=1e-9)
    two = client.post("/predict", json=row | {"temp": None})
    assert two.status_code == 422 and len(two.json()["details"]) == 2


def test_a_row_waits_neither_for_photos_nor_for_models(client, served):
    rows = np.random.default_rng(0).normal(size=(60, 70))
    wide = wb.AutoEncoderDetector(wb.AutoEncoderConfig(epochs=1)).fit(rows, progress=False)
    folder = wb.save(wide, served / "models" / "wide")  # after the service started
    turns = os.cpu_count()
    try:
        for _ in range(turns):  # as many photos are being judged as there may be
            assert TURNS.acquire(timeout=60)
        with ThreadPoolExecutor() as pool:
            body = {"values": [25, 0.25, 1]}
            row = pool.submit(client.post, "/anomaly?model=press", json=body)
            other = pool.submit(
                client.post, "/anomaly?model=wide", json={"values": rows[0].tolist()}
            )
            try:
                assert row.result(timeout=60).status_code == 200
                score = other.result(timeout=60).json()["score"]
            finally:
                for _ in range(turns):
                    TURNS.release()
    finally:
        shutil.rmtree(folder)
    np.testing.assert_allclose(score, wide.score(rows[:1])[0], rtol=1e-9)
    gone = client.post("/anomaly?model=none", json=body)
    assert gone.status_code == 404 and "there are" in gone.json()["detail"]


def test_errors_of_the_sensor_service_read_as_they_did(client):
    short = client.post("/anomaly", json={"values": [1, 2, 3, 4]})
    assert short.status_code == 400
    assert short.json() == {"detail": "Input dimension mismatch. Expected 3, got 4"}
    missing = client.post("/anomaly", json={})
    assert missing.status_code == 422
    assert missing.json()["error"] == "ValidationError"
    assert missing.json()["details"] == [{"field": "values", "message": "Field required"}]
    wrong = client.post("/anomaly", json={"values": [1, "x", 3]}).json()
    assert wrong["details"][0]["field"] == "values.1"
    named = client.post("/predict", json={"temp": 1, "vibration": "x"})
    assert named.status_code == 422
    assert [d["field"] for d in named.json()["details"]] == ["vibration", "pressure"]
    assert client.get("/health").json()["status"] == "ok"
    assert {"api_version", "model_version", "timestamp"} <= client.get("/version").json().keys()
    paths = client.get("/openapi.json").json()["paths"]
    known = [paths["/anomaly"]["post"], paths["/predict"]["post"], paths["/health"]["get"]]
    ids = [operation["operationId"] for operation in known]  # as generated clients call them
    assert ids == ["detect_anomaly", "predict_sensor", "health_check"]


def test_a_row_needs_no_content_type(client):
    """As curl and old clients send it; FastAPI answered them."""
    rows = {
        "/anomaly": b'{"values": [25, 0.25, 1]}',
        "/predict": b'{"temp": 25, "vibration": 0.25, "pressure": 1}',
    }
    for path, body in rows.items():
        answer = client.post(path, content=body)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("body", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(client, body):
    answer = client.post(
        "/anomaly",
        content=f'{{"values": [{body}, 1, 1]}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422


# --- /v2, /evaluate, /models, /metrics


def test_photos_and_rows_by_the_inference_protocol(client, served):
    photo = base64.b64encode(png()).decode()
    body = {"id": "7", "inputs": [
        {"name": "image", "shape": [2], "datatype": "BYTES", "data": [photo, photo]}
    ]}  # fmt: skip
    answer = client.post("/v2/models/lens/infer", json=body).json()
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert answer["id"] == "7" and outputs.keys() == {"score", "is_anomaly", "threshold"}
    mine = wb.load(served / "models" / "lens").evaluate_one(png())
    np.testing.assert_allclose(outputs["score"], [mine.score] * 2, rtol=1e-5)
    body["outputs"] = [{"name": "overlay"}]
    overlay = client.post("/v2/models/lens/infer", json=body).json()["outputs"][0]["data"][0]
    assert shown(overlay) == "JPEG"
    assert client.get("/v2/models/lens").json()["inputs"][0]["datatype"] == "BYTES"
    assert client.get("/v2/models/none").json().keys() == {"error"}
    wrong = client.post("/v2/models/lens/infer", json={"inputs": []})
    assert wrong.status_code == 400 and wrong.json().keys() == {"error"}


def test_an_upload_is_explained(client):
    answer = client.post("/evaluate?model=lens&overlay=true", files={"file": ("a.png", png())})
    body = answer.json()
    assert body["verdict"] in ("OK", "NG") and shown(body["overlay"]) == "JPEG"
    assert all(len(region["box"]) == 4 for region in body["regions"])
    several = client.post("/evaluate", files={"file": ("a.png", png())})
    assert several.status_code == 404 and "lens" in several.json()["detail"]
    text = client.get("/metrics").text
    assert 'workbench_verdicts_total{model="lens"' in text
    names = [model["name"] for model in client.get("/models").json()["models"]]
    assert names == ["SMT", "lens", "press"]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"


@pytest.mark.parametrize("content", [b"", b"no photo", png()[:60], EPS, b"\x00" * 1000])
def test_hostile_photos_are_a_400(client, content):
    answer = client.post("/evaluate?model=lens", files={"file": ("a.png", content)})
    assert answer.status_code == 400 and "detail" in answer.json()
    assert client.get("/health").status_code == 200


def test_docs_and_page_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        text = client.get(path).text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    assert "default-src 'none'" in client.get("/").headers["content-security-policy"]


# --- who may ask, and how much


def test_beyond_this_machine_a_key_is_needed():
    with pytest.raises(ValueError, match="needs an API key"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", open=True) and Settings(host="0.0.0.0", key_sha256="a" * 64)


def test_the_key_is_asked_for_and_kept_as_a_hash(served):
    key = keys.create()
    assert key not in keys.path().read_text() and keys.matches(key, keys.known())
    options = Settings(key_sha256=keys.known(), simulator_page="http://old.page")
    with TestClient(create_app(options)) as client:
        assert client.get("/models").status_code == 401
        assert client.get("/models", headers={"X-API-Key": "wrong"}).status_code == 401
        assert client.get("/models", headers={"X-API-Key": key}).status_code == 200
        assert client.get("/models", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        assert client.get("/health").status_code == 200
        assert asked(client, "/getAllData", dataset="lens").status_code == 200  # it has no key
        assert client.post("/predict", json={}).status_code == 401
    keys.path().unlink()


def test_other_origins_may_not_read(served):
    with TestClient(create_app()) as client:
        answer = client.get("/health", headers={"Origin": "http://else.where"})
        assert "access-control-allow-origin" not in answer.headers


def test_bodies_and_pixels_and_rows_are_bounded(served):
    with TestClient(create_app(Settings(body_bytes=20_000, pixels=9_000, rows=2))) as client:
        large = client.post("/anomaly", content=b"1" * 30_000)
        assert large.status_code == 413
        streamed = client.post("/anomaly", content=iter([b"1" * 9_000] * 4))
        assert streamed.status_code == 413
        photo = client.post("/evaluate?model=lens", files={"file": ("a.png", png())})
        assert photo.status_code == 400 and "pixels" in photo.json()["detail"]
        rows = {"name": "rows", "shape": [3, 3], "datatype": "FP64", "data": [1.0] * 9}
        many = client.post("/v2/models/press/infer", json={"inputs": [rows]})
        assert many.status_code == 400 and "1 to 2" in many.json()["error"]


# --- a server of its own


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        chosen = Settings(port=taken.getsockname()[1])
        with pytest.raises(ValueError, match=r"must be free: Address already in use; try --port"):
            run(create_app(chosen), chosen)


def test_a_server_that_is_stopped_does_not_wait_for_its_models(monkeypatch):
    enough, loaded = Event(), []
    monkeypatch.setattr(
        "workbench.service.registry.Registry.load_all", lambda _: loaded.append(enough.wait(60))
    )
    app = create_app()
    app.state.stopped = lambda: True
    with TestClient(app):
        assert not loaded
    enough.set()


@pytest.fixture(scope="module")
def server(served, tmp_path_factory):
    """`workbench serve` in a process of its own; yields its address and the process."""
    started = start(served)
    yield started[0]
    started[1].send_signal(signal.SIGTERM)
    assert started[1].wait(20) in (0, -signal.SIGTERM)


def start(home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "workbench.cli", "serve", f"--port={port}"]
    env = os.environ | {"WORKBENCH_HOME": str(home), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, env=env, **quiet)
    url = f"http://127.0.0.1:{port}"
    for _ in range(1200):  # on a busy machine until the graphs are built
        try:
            if httpx.get(f"{url}/health", timeout=60).is_success:
                return url, process
        except httpx.TransportError:
            assert process.poll() is None, "the service did not start"
        time.sleep(0.1)
    pytest.fail("the service did not answer")


def test_an_existing_client_of_the_protocol(server, served):
    triton = pytest.importorskip("tritonclient.http")
    client = triton.InferenceServerClient(server.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("press")
    assert client.get_model_metadata("press")["inputs"][0]["name"] == "rows"
    rows = np.array([[25.0, 0.25, 1.0], [99.0, 0.25, 1.0]])
    tensor = triton.InferInput("rows", rows.shape, "FP64")
    tensor.set_data_from_numpy(rows, binary_data=False)
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in ("score", "blame")]
    answer = client.infer("press", [tensor], outputs=wanted)
    mine = wb.load(served / "models" / "press")
    np.testing.assert_allclose(answer.as_numpy("score"), mine.score(rows), rtol=1e-9)
    np.testing.assert_allclose(answer.as_numpy("blame"), mine.blame(rows), rtol=1e-9)


def test_eight_threads_get_the_verdicts_of_one(server, served):
    detector = wb.load(served / "models" / "lens")
    parts, rows = detector.parts().test, np.random.default_rng(1).normal(25, 3, (16, 3))
    expected = detector.score(parts)
    sensors = wb.load(served / "models" / "press").score(rows)

    def photo(index):
        file = {"file": ("x.png", Path(parts[index]).read_bytes())}
        return httpx.post(f"{server}/evaluate?model=lens", files=file, timeout=60).json()["score"]

    def row(index):
        body = {"values": rows[index].tolist()}
        return httpx.post(f"{server}/anomaly", json=body, timeout=60).json()["score"]

    with ThreadPoolExecutor(8) as pool:
        photos, numbers = pool.map(photo, range(len(parts))), pool.map(row, range(len(rows)))
        np.testing.assert_allclose(list(photos), expected, rtol=1e-4)
        np.testing.assert_allclose(list(numbers), sensors, rtol=1e-9)


def test_no_request_waits_for_a_graph(served, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ENGINE", "auto")
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path))
    app = create_app()
    with TestClient(app):
        models = app.state.registry
        engines = [models.get(name).detector.engine for name in ("lens", "SMT")]
    assert [engine.name for engine in engines] == ["onnx", "onnx"]


def test_first_requests_that_come_together_get_one_verdict(served):
    part = Path(wb.load(served / "models" / "lens").parts().test[0]).read_bytes()
    with TestClient(create_app(Settings())) as fresh, ThreadPoolExecutor(8) as pool:
        post = partial(fresh.post, "/evaluate?model=lens")
        answers = list(pool.map(lambda _: post(files={"file": ("x.png", part)}), range(8)))
        rows = list(pool.map(lambda _: fresh.get("/getAllData?dataset=SMT"), range(4)))
    assert {answer.status_code for answer in answers + rows} == {200}
    assert len({answer.json()["score"] for answer in answers}) == 1


def test_a_kill_under_load_loses_no_verdict_that_was_answered(served):
    url, process = start(served)
    answered = []
    names = httpx.get(f"{url}/getAllData", params={"dataset": "SMT"}, timeout=60).json()["list"]

    def step(name):
        query = {"dataset": "SMT", "model": "CS-Flow", "img_name": name}
        try:
            body = httpx.get(f"{url}/predict", params=query, timeout=60).json()
        except httpx.TransportError:
            return
        answered.append((name, body["anomaly_score"]))
        if len(answered) == 4:
            process.kill()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, names))
    process.wait()
    table = pd.read_csv(served / "reports" / "SMT" / "SMT_result.csv").set_index("file name")
    assert len(answered) >= 4
    for name, score in answered:
        assert table.loc[name, "anomaly score"] == pytest.approx(score)


PAGE = Path(__file__).parents[1] / "docs" / "service.md"
LINES = re.findall(r"`(curl [^`]+)`", PAGE.read_text("utf-8"))


@pytest.mark.parametrize("line", LINES)
def test_every_line_of_the_page_works(server, served, line):
    (served / "part.png").write_bytes(png())
    words = shlex.split(line.replace("http://127.0.0.1:8000", server))
    if "img_name" in line:
        names = httpx.get(f"{server}/getAllData?dataset=lens", timeout=60).json()["list"]
        words = [word.replace("OK%2Fpart.png", quote(names[0], safe="")) for word in words]
    done = subprocess.run(words, cwd=served, capture_output=True, timeout=60)
    assert done.returncode == 0 and done.stdout


def test_every_path_is_on_the_page():
    paths = create_app().openapi()["paths"]
    listed = PAGE.read_text("utf-8").replace("NAME", "{name}")
    for path, methods in paths.items():
        for method in methods:
            assert "/versions/" in path or f"`{method.upper()} {path}`" in listed


# --- requests made from the description


def test_nothing_that_is_sent_gives_a_500(served):
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(Settings(rows=10)))
    asked = []
    for operation in schema.get_all_operations():
        _ask(operation.ok().as_strategy(), asked)
    assert len(asked) >= 10 * CASES  # of the others, which take nothing, there is one each


def _ask(strategy, asked):
    @given(case=strategy)
    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        asked.append(case)
        answer = case.call()
        assert answer.status_code < 500, (case.as_curl_command(), answer.text[:300])
        if answer.status_code >= 400:
            assert answer.json()

    ask()
