# make demo and make test install what a fresh Debian 12 machine with Go, Node, Python and git lacks (root or sudo).
SHELL := /bin/bash
export CGO_ENABLED := 1
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
ARCH := $(shell uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')
RUNTIME := bin/lib/libonnxruntime.so.1

VIEWER := web/viewer/dist/index.html

# A Python that has train/requirements.txt, and what has to be made for it.
TRAIN_PYTHON ?= .venv-train/bin/python
environment = $(if $(filter .venv-train/%,$(1)),.venv-train/.installed)

.PHONY: build viewer demo serve test test-viewer bench-viewer pictures viewers crash lint lint-deploy bench bench-server bench-load bench-overhead bench-peers sweep fuzz train train-smoke test-train clean

build: bin/.installed-build $(RUNTIME) viewer
	go build -buildvcs=auto -ldflags "-X main.version=$(VERSION)" -o bin/closer ./cmd/closer

# The page in the browser, which the program embeds.
viewer: $(VIEWER)

$(VIEWER): web/viewer/node_modules/.package-lock.json $(shell find web/viewer -path web/viewer/node_modules -prune -o -path web/viewer/dist -prune -o -type f -print)
	npm run build --prefix web/viewer --silent

web/viewer/node_modules/.package-lock.json: web/viewer/package-lock.json
	npm ci --prefix web/viewer --ignore-scripts --no-audit --no-fund --loglevel error
	touch $@

demo: build
	.ci/demo

serve: build
	bin/closer serve --listen 127.0.0.1:8080

test: build bin/.installed-test .venv/.installed lint lint-deploy test-viewer
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} CLOSER_PYTHON=$${CLOSER_PYTHON:-$(CURDIR)/.venv/bin/python} \
		go test -race -timeout 30m ./...
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} go test -run AtFullSize ./score/graph

# The pages: their modules, and the whole of them in Chromium against the real server.
test-viewer: build bin/.installed-test
	npm test --prefix web/viewer --silent
	npm run e2e --prefix web/viewer --silent

# How quick and how light the pages are: 10 studies of SLICES slices.
bench-viewer: build bin/.installed-test
	npm run bench --prefix web/viewer --silent

# The pictures of README that show what the networks make.
pictures: build bin/.installed-test
	npm run pictures --prefix web/viewer --silent

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

lint-deploy: .venv/.installed
	.venv/bin/hadolint Dockerfile Dockerfile.gpu
	npx --yes dclint@3.1.0 --quiet docker-compose.yml

# The last line compares the sampler with PyTorch, where BENCH_PYTHON has it.
BENCH_PYTHON ?= $(or $(wildcard .venv-train/bin/python),python3)
bench: build
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} go test -run '^$$' -bench . ./...
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} $(BENCH_PYTHON) -m train.bench_sampler

# closer beside BART and PyTorch on a volume: writes peers/table.md, the page doc/peers.md, in about 25 minutes on two quiet cores. It
# goes on after an interruption. PEERS="--methods all --rounds 3" takes hours; PEERS_PYTHON is a Python that has train/requirements.txt.
PEERS_VOLUME ?= ../shared/data/fastmri/singlecoil_val/brain_axflair_sc.h5
PEERS_PYTHON ?= $(TRAIN_PYTHON)
PEERS ?=
bench-peers: build $(call environment,$(PEERS_PYTHON))
	.ci/install peers
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} \
		$(PEERS_PYTHON) -m train.peers $(PEERS_VOLUME) --data $(DATA) --out peers $(PEERS)

# The same on an NVIDIA GPU, after make gpu-runtime, for batches of 1, 4 and 16 in single and half precision.
.PHONY: bench-gpu
bench-gpu: build
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} $(BENCH_PYTHON) -m train.bench_gpu

# CLIENTS push 20 MB each at once to a server whose queue is full, and the time of SCAN in a server, stage by stage; both print figures.
CLIENTS ?= 50
SCAN ?= ../shared/data/fastmri/singlecoil_val/brain_axflair_sc.h5
bench-server: bench-load bench-overhead
bench-load: build
	CLOSER_LOAD=$(CLIENTS) go test -count 1 -v -timeout 1h -run '^TestLoad$$' ./cmd/closer
bench-overhead: build
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} CLOSER_OVERHEAD=$(abspath $(SCAN)) \
		go test -count 1 -v -timeout 1h -run '^TestOverhead$$' ./cmd/closer

# Scans that were undersampled on the scanner, real and of fastMRI's kind: pictures and held-out errors in prospective/*/report.html.
SCANS ?= ../shared/data
PROSPECTIVE := --held-out 0.05 --method zero-filled --method tv --method unet --method unet-dc --method ccdf
FROM_TV := --held-out 0.05 --method ccdf --initial tv
.PHONY: prospective
prospective: build .venv/.installed
	mkdir -p prospective
	.venv/bin/python doc/npy_to_fastmri.py $(SCANS)/kspace/sigpy_cartesian_ksp.npy prospective/sigpy.h5
	bin/closer recon prospective/sigpy.h5 -o prospective/sigpy $(PROSPECTIVE)
	bin/closer recon prospective/sigpy.h5 -o prospective/sigpy-tv $(FROM_TV)
	bin/closer recon $(SCANS)/fastmri/multicoil_test/brain_axt1_mc_undersampled.h5 -o prospective/axt1 --slices 0:1 $(PROSPECTIVE)
	bin/closer recon $(SCANS)/fastmri/multicoil_test/brain_axt1_mc_undersampled.h5 -o prospective/axt1-tv --slices 0:1 $(FROM_TV)

# The figures of README and doc anew, of the networks that are there, in about two hours on two quiet cores: scans, CSV files and then
# the tables in the documents. It goes on after an interruption; of other networks begin without figures/.
.PHONY: figures
figures: build $(call environment,$(TRAIN_PYTHON))
	mkdir -p figures
	test -e figures/phantom.h5 || bin/closer phantom -o figures/phantom.h5
	test -e figures/sigpy.h5 || $(TRAIN_PYTHON) doc/npy_to_fastmri.py $(SCANS)/kspace/sigpy_cartesian_ksp.npy figures/sigpy.h5
	test -e figures/test_openms_phase_8coils.h5 || for scan in "train" "val --slices 6" "test" "test --coils 4" "test --coils 8"; do \
		$(TRAIN_PYTHON) -m train.volumes --data $(DATA) --out figures --split $$scan || exit 1; done
	$(TRAIN_PYTHON) -m train.figures figures --data $(SCANS) --out figures/figures.csv
	$(TRAIN_PYTHON) -m train.margins figures/test_openms_phase.h5 figures/test_openms_zerophase.h5 --out figures/margins.csv
	$(TRAIN_PYTHON) -m train.tradeoff figures/val_openms_phase.h5 --out figures/tradeoff.csv --slices 2:4 --accel 4 --acs 0.08
	cp figures/*.csv doc
	cp figures/tradeoff.png doc/pictures
	$(TRAIN_PYTHON) -m train.documents

# A validation of VOLUMES small phantoms; make it again after an interruption, and it goes on.
VOLUMES ?= 10
sweep: build
	for i in $$(seq $(VOLUMES)); do f=sweep/scans/phantom$$i.h5; test -e $$f || bin/closer phantom -o $$f --matrix 64 --slices 2 --seed $$i || exit 1; done
	bin/closer validate sweep/scans -o sweep/out --accel 2,4,6 --acs 0.1,0.08,0.06 --method zero-filled

# kill -9 of server, worker or pusher while scans flow, KILLS times; it prints the counts.
KILLS ?= 20
crash: build
	ONNXRUNTIME_SHARED_LIBRARY_PATH=$${ONNXRUNTIME_SHARED_LIBRARY_PATH:-$(CURDIR)/$(RUNTIME)} CLOSER_CRASH=$(KILLS) \
		go test -count 1 -v -timeout 1h -run '^TestCrash$$' ./cmd/closer

# OHIF and dwv from the npm registry open a study of ours in headless Chromium.
viewers: build
	.ci/viewers

# Every parser of foreign bytes, FUZZTIME each: a duration, or a number of executions such as 2500000x (doc/fuzzing.md).
FUZZTIME ?= 20s
fuzz: build
	set -e; for package in $$(go list ./...); do for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
		go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$package; done; done

# Training: DATA holds the slices (train/README.md), RUNS the checkpoints; an interrupted run goes on where it was. Validation is on
# the groups VALIDATE_ON of the validation split, or on all of it. The score network learns from what the U-Net leaves, so that is first.
# START=1 begins at the networks that are there, and not at random weights.
DATA ?= ../shared/data/slices
RUNS ?= runs
MINUTES ?= 60
VALIDATE_ON ?= openms
START ?=
train: $(call environment,$(TRAIN_PYTHON))
	for n in unet score; do $(TRAIN_PYTHON) -m train.fit $$n --data $(DATA) --out $(RUNS)/$$n --minutes $(MINUTES) $(if $(START),--start $$n/$$n.onnx) --validate-on $(VALIDATE_ON) && \
		$(TRAIN_PYTHON) -m train.export $$n --checkpoint $(RUNS)/$$n/last.pt --out $$n/$$n.onnx || exit 1; done

train-smoke: $(call environment,$(TRAIN_PYTHON))
	rm -rf runs/smoke
	for n in unet score; do $(TRAIN_PYTHON) -m train.fit $$n --data $(DATA) --out runs/smoke/$$n --initial runs/smoke/unet/unet.onnx --minutes 0.3 --batch 2 --validate-on $(VALIDATE_ON) && \
		$(TRAIN_PYTHON) -m train.export $$n --checkpoint runs/smoke/$$n/last.pt --out runs/smoke/$$n/$$n.onnx || exit 1; done

# train-smoke with Debian's PyTorch, its networks in closer against PyTorch, and the checks in train/tests.
test-train: build
	.ci/train

.venv-train/.installed: train/requirements.txt
	python3 -m venv .venv-train
	.venv-train/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf bin demo sweep peers prospective figures .venv internal/ort/runtime/node_modules web/viewer/node_modules web/viewer/dist/*

# ONNX Runtime's shared library, from the package registry, as the lock file pins it. The package's own install script would look
# for CUDA on another host: it is not run.
$(RUNTIME): internal/ort/runtime/package-lock.json
	npm ci --prefix internal/ort/runtime --ignore-scripts --no-audit --no-fund --silent
	mkdir -p bin/lib
	cp -L internal/ort/runtime/node_modules/onnxruntime-node/bin/napi-v6/linux/$(ARCH)/libonnxruntime.so.1 $@
	touch $@

# The same with the CUDA and TensorRT providers and NVIDIA's libraries, for a machine with a GPU: in place of the one above.
.PHONY: gpu-runtime
gpu-runtime: bin/.installed-build $(RUNTIME)
	internal/ort/runtime/gpu bin/lib

bin/.installed-build bin/.installed-test: bin/.installed-%: .ci/install
	.ci/install $*
	mkdir -p bin && touch $@

.venv/.installed: requirements-test.txt bin/.installed-test
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps fastmri==0.3.0 # its evaluate.py runs without PyTorch, 2 GB
	touch $@
