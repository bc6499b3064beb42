# The program as its users run it: every command, every option once, and every refusal.
# shellcheck shell=bash source=tests/shell_harness.sh
. tests/shell_harness.sh

# on RANKS ARGUMENTS...: a command of its own, because a time limit can only hold commands.
mkdir "$scratch/bin"
# shellcheck disable=SC2016  # the script's own variables
printf '#!/bin/sh\nn=$1; shift; exec "%s" -n "$n" "%s" "$@"\n' "${MPIEXEC:-mpiexec}" \
  "$(realpath "$COLONNADE")" >"$scratch/bin/on"
chmod +x "$scratch/bin/on"
PATH=$scratch/bin:$PATH

# --- Data: ten 2x2 images in MNIST's layout, and matrices [6, 3] and [6, 2] ------------------------

bytes() { printf '%b' "$1"; }
idx() {  # idx FOLDER SET COUNT: images and labels of a set
  mkdir -p "$1"
  { bytes "\0\0\10\3\0\0\0$3\0\0\0\2\0\0\0\2"; head -c "$((8#${3#\\} * 4))" /dev/urandom; } \
    >"$1/$2-images-idx3-ubyte"
  { bytes "\0\0\10\1\0\0\0$3"; head -c "$((8#${3#\\}))" /dev/zero; } >"$1/$2-labels-idx1-ubyte"
}
npy() {  # npy FILE ROWS COLS BYTES: a float32 matrix of these bytes, or zeros
  local header="{'descr': '<f4', 'fortran_order': False, 'shape': ($2, $3), }"
  { bytes '\x93NUMPY\1\0v\0'; printf '%-117s\n' "$header"; bytes "${4:-}"; } >"$1"
  truncate -s "$((128 + 4 * $2 * $3))" "$1"
}
images=$scratch/images
idx "$images" train '\12'
idx "$images" t10k '\5'
npy "$scratch/x.npy" 6 3 '\0\0\200?\0\0\0\0\0\0\0@\0\0\200?'
npy "$scratch/y.npy" 6 2 '\0\0\200?'
mlp=(train mlp --threads 1)

# --- What the program at hand is ---------------------------------------------------------------------

number_type=$(says_of_itself scalar)
passes "its number type is one of two" test "$number_type" = float -o "$number_type" = double
# Between GPUs, transports have another way for what lies there.
case $(says_of_itself backend) in cuda*) between_gpus='\+(nccl|staged)' ;; *) between_gpus='' ;; esac
folder=("${mlp[@]}" --data "$images" "--widths=4,6,3")
matrices=("${mlp[@]}" --inputs "$scratch/x.npy" --targets "$scratch/y.npy" "--widths=3,5,2")

# --- What works ------------------------------------------------------------------------------------

prints "help" "demo" "$COLONNADE" --help
prints "help of a command" "--decay-bias" on 2 train mlp --help
prints "the version" "^colonnade [0-9]+\.[0-9]+\.[0-9]+$" "$COLONNADE" --version
prints "info" "^ranks +2$" on 2 info
prints "processes of a node share memory" "^transport +shared$between_gpus\$" on 2 info
prints "unless told not to" "^transport +mpi$between_gpus\$" on 2 info --transport mpi
prints "or told to" "^transport +shared$between_gpus\$" on 2 info --transport shared
prints "a rank alone needs no transport" "^transport +self$" on 1 info
refuses "an unknown transport" "--transport: wanted auto, shared or mpi, found 'pigeon'" on 2 info --transport pigeon
prints "info names each rank's cores and threads" "rank 1: .*core.*, 1 thread" on 2 info --threads 1
cat >"$scratch/bin/cores_of_two_ranks" <<'SCRIPT'
#!/bin/sh
taskset -c 0,1 on 2 info --threads 1 | sed -n 's/.* core \([0-9]*\) (bound).*/\1/p' | tr '\n' ' '
SCRIPT
chmod +x "$scratch/bin/cores_of_two_ranks"
if [ "$(nproc)" -ge 2 ]; then
  prints "ranks that fill their cores get one each" "^0 1 $" cores_of_two_ranks
  cat >"$scratch/bin/cores_of_four_ranks" <<'SCRIPT'
#!/bin/sh
taskset -c 0,1 on 4 info --threads 1 | sed -n 's/.* core \([0-9]*\) (shared).*/\1/p' | tr '\n' ' '
SCRIPT
  chmod +x "$scratch/bin/cores_of_four_ranks"
  prints "of more ranks than cores each core gets as many" "^0 0 1 1 $" cores_of_four_ranks
  prints "OpenMP's own binding doesn't get in the way" "^0 1 $" env OMP_PROC_BIND=true cores_of_two_ranks
fi
prints "a decimal number may begin with 0" "step 8/8" on 2 "${matrices[@]}" --steps 08
prints "a run that would never end, ended by its steps" "step 2/2" \
  on 2 "${matrices[@]}" --epochs 9223372036854775807 --steps 2
prints "threads are those asked for" "rank 0: .*, 2 threads" "$COLONNADE" info --threads 2
prints "ranks can stay unbound" "\(shared\)" on 2 info --no-bind

for ranks in 1 2 3 4; do
  prints "the demo proves itself on $ranks ranks" "the gradients are right" on $ranks demo --steps 2
  prints "every rank of $ranks prints its line" \
    "Rank $((ranks - 1)): forward pass produced activations 2x32\[0.0634\.\.\.\]" on $ranks demo --steps 1
done
for ranks in 1 2 5 8; do
  prints "the demo proves itself on $ranks threads" "the gradients are right" \
    "$COLONNADE" demo --ranks "$ranks" --steps 2
done
prints "threads are ranks like others" "Rank 4: forward pass produced activations 2x32\[0.0634" \
  "$COLONNADE" demo --ranks 5 --steps 1
prints "training on threads" "^sent by each rank( [0-9.]+ B){3}$" \
  "$COLONNADE" "${mlp[@]}" --inputs "$scratch/x.npy" --targets "$scratch/x.npy" --widths 3,5,3 \
  --steps 1 --ranks 3
prints "the demo needs no mpiexec" "the gradients are right" "$COLONNADE" demo
prints "the demo takes other sizes" "3x10\[" on 3 demo --batch 3 --width 10 --layers 2 --lr 0.01 --seed 5

for ranks in 1 2 3; do
  prints "a check on $ranks ranks" "^mesh dp=1, tp=$ranks: all 6 checks hold$" \
    on $ranks check --threads 1 --widths 4,7,5,3
done
# A float program holds exact mode to its promise in both precisions.
if [ "$number_type" = float ]; then checks=8; else checks=7; fi
prints "a check of a mesh on processes" "^mesh dp=2, tp=2: all $checks checks hold$" \
  on 4 check --threads 1 --widths 4,8,8 --mesh dp=2,tp=2 --layout pair --loss cross-entropy --exact \
  --row-blocks 2 --samples 1 --steps 2
prints "a check of exact mode on threads" "^exact: .* in $number_type .* ok$" \
  "$COLONNADE" check --ranks 4 --mesh dp=2,tp=2 --widths 5,16,9,8 --layout pair --loss cross-entropy \
  --exact --row-blocks 2
prints "a check of a loss that is zero but for rounding" "all 6 checks hold" \
  "$COLONNADE" check --ranks 2 --mesh dp=2 --widths 3,1 --loss cross-entropy --label-smoothing 0.1
prints "a check without exact mode says how to ask for it" "^exact: .* left out; --exact" \
  "$COLONNADE" check --ranks 2 --widths 5,3
prints "a check with all other options" "all 6 checks hold" \
  "$COLONNADE" check --ranks 6 --mesh dp=3,tp=2 --widths 5,9,7,6 --layout gather --loss cross-entropy \
  --label-smoothing 0.1 --activation relu --dropout 0.2 --no-bias --activate-last --recompute --zero1 \
  --overlap 2 --accumulate 2 --clip 0.1 --batch 9 --steps 3 --samples 2 --seed 4 --threads 1 --no-bind

for ranks in 1 2 3; do
  prints "training on images, $ranks ranks" "test accuracy" on $ranks "${folder[@]}" --batch 4 --epochs 2
done
prints "regression on matrices" "^samples/s" on 2 "${matrices[@]}" --steps 5 --batch 4
prints "the summary" "^sent by each rank .* B .* B$" on 2 "${matrices[@]}" --steps 1
prints "a redrawn progress line" "step 3/3" on 2 "${matrices[@]}" --steps 3 --progress line
prints "all the other options" "^peak memory" on 2 "${matrices[@]}" --steps 4 --batch 2 --seed 3 \
  --activation gelu-erf --activate-last --no-bias --lr 0.01 --weight-decay 0 --beta1 0.8 --beta2 0.9 \
  --eps 1e-6 --decay-bias --schedule cosine --warmup 2 --no-shuffle --no-bind --progress plain

# A huge learning rate: the first update is still finite, the gradients after it are not; in double
# it takes more layers, and what overflows is a gradient's square.
if [ "$number_type" = float ]; then
  hidden=3
  overflow="the first .* is gradient of layers.3.weight\["
else
  hidden=30
  overflow="all numbers that go into it are finite"
fi
spoiled="the gradient of layers.$hidden.weight is not finite"
# shellcheck disable=SC2046  # as many words as hidden layers
huge=("${matrices[@]:0:8}" "--widths=3$(printf ',9%.0s' $(seq $hidden)),2" --lr 1e6 --steps 4)
prints "steps that are skipped" "^step 2 skipped: $spoiled$" \
  on 2 "${huge[@]}" --on-nonfinite skip --log "$scratch/skipped.jsonl" --ledger
prints "the summary counts them" "^skipped steps +3$" on 2 "${huge[@]}" --on-nonfinite skip
prints "and the log names them" "\"skipped\":\"$spoiled\"" \
  grep '^{"step":2,' "$scratch/skipped.jsonl"
passes "but not those that were not" test "$(grep -c skipped "$scratch/skipped.jsonl")" = 3

prints "the sentinel finds copies the same" "^copies compared   2 times, all the same$" \
  on 2 "${matrices[@]}" --steps 5 --mesh dp=2 --sentinel 2 --ledger
refuses "a sentinel that never looks" "--sentinel: wanted a whole number from 1" \
  on 2 "${matrices[@]}" --sentinel 0

log=$scratch/log.jsonl
passes "a log" on 2 "${folder[@]}" --batch 4 --epochs 2 --log "$log"
prints "a line for each step, the short last batch included, and each epoch" "^8$" \
  grep -cE '^\{"(step|epoch)":' "$log"
prints "and what the ranks say after each epoch" "^2$" grep -c '^{"ranks":' "$log"
for key in step epoch loss lr step_ms compute_ms comm_ms comm_bytes samples_per_s; do
  prints "steps log $key" "\"$key\":" sed -n 2p "$log"
done
for key in started version mesh threads parameters samples options memory_plan; do
  prints "the run logs $key" "^\{\"run\":\{.*\"$key\":" sed -n 1p "$log"
done
for key in peak_memory phases seconds; do
  prints "ranks log $key" "^\{\"ranks\":\{.*\"$key\":" sed -n 6p "$log"
done
for key in epoch test_loss test_accuracy; do
  prints "epochs log $key" "\"$key\":" sed -n 5p "$log"
done

# --no-shuffle and steps make both runs see the same rows in the same order.
losses() { sed -n 's/.*"loss":\([^,]*\),.*/\1/p' "$1"; }
passes "saving" on 2 "${matrices[@]}" --steps 3 --save "$scratch/a.safetensors" \
  --dump-gradients "$scratch/g.safetensors"
prints "the file has PyTorch's names" "layers.0.weight.*layers.1.bias" \
  head -c 300 "$scratch/a.safetensors"
prints "and the gradients' file theirs" "layers.0.weight.grad.*layers.1.bias.grad" \
  head -c 400 "$scratch/g.safetensors"
for ranks in 1 2; do
  passes "loading on $ranks ranks" on $ranks "${matrices[@]}" --steps 1 --batch 6 \
    --load "$scratch/a.safetensors" --log "$scratch/loss$ranks"
done
# shellcheck disable=SC2016  # awk's own fields
prints "a loaded model is the same on any number of ranks" "^same$" awk '
  NR == FNR { first = $1; next }
  { d = ($1 - first) / first; if (d < 1e-5 && d > -1e-5) print "same" }' \
  <(losses "$scratch/loss1") <(losses "$scratch/loss2")
for seed in 1 2; do
  passes "the same model with seed $seed" on 2 "${matrices[@]}" --steps 1 --batch 3 --seed "$seed" \
    --load "$scratch/a.safetensors" --log "$scratch/seed$seed"
done
passes "another seed, another order of the samples" \
  test "$(losses "$scratch/seed1")" != "$(losses "$scratch/seed2")"
passes "saving without a step changes nothing" on 2 "${matrices[@]}" --steps 1 --lr 0 \
  --load "$scratch/a.safetensors" --save "$scratch/b.safetensors"
passes "byte for byte, and replaces an older file" cmp "$scratch/a.safetensors" "$scratch/b.safetensors"

cat >"$scratch/run.toml" <<EOF
inputs = "$scratch/x.npy"
targets = "$scratch/y.npy"
widths = [3, 5, 2]
steps = 7
batch = 3
shuffle = false
threads = 1
save = "$scratch/we#ird.safetensors"  # a comment
lr = 1e-4
EOF
prints "options from a file" "step 7/7" on 2 train mlp --config "$scratch/run.toml"
passes "strings may hold what else begins a comment" test -e "$scratch/we#ird.safetensors"
prints "the command line wins over the file" "step 2/2" on 2 train mlp --config "$scratch/run.toml" --steps 2

# --- What is refused: one line from one rank, and every rank ends with an error ------------------------

refuses "no command" "no command: wanted train, bench, check, demo, explain, zoo, inspect, report, predict or info;" on 2
refuses "an unknown command" "no such command: wanted train, bench, check, demo, explain, zoo, inspect, report, predict or info, found 'fly'" on 2 fly
refuses "half a command" "no command: wanted mlp; see 'colonnade train --help'" on 2 train
refuses "an unknown option" "unknown argument: --bogus" on 2 train mlp --bogus
refuses "batch 0" "--batch: wanted a whole number from 1 .*, found '0'" on 2 "${folder[@]}" --batch 0
refuses "a word for a number" "--epochs: wanted a whole number.*'many'" on 2 "${folder[@]}" --epochs many
refuses "a number that would be octal elsewhere" "found '08x'" on 2 "${folder[@]}" --steps 08x
refuses "widths with a hole" "--widths: wanted whole numbers .*'4,,3'" on 2 "${mlp[@]}" --data "$images" --widths 4,,3
refuses "widths twice" "--widths" on 2 "${folder[@]}" --widths 4,3
refuses "a rate that float can't hold" "--lr: wanted .* at most 1e6, found '1e39'" on 2 "${folder[@]}" --lr 1e39
refuses "an eps that would be 0" "--eps: wanted a number above 0" on 2 "${folder[@]}" --eps 1e-320
refuses "a negative rate" "--lr: wanted a number of 0 or more .*found '-1'" on 2 "${folder[@]}" --lr -1
refuses "a rate that is no number" "--lr: .*'nan'" on 2 "${folder[@]}" --lr nan
refuses "beta 1" "--beta1: .*below 1, found '1'" on 2 "${folder[@]}" --beta1 1
refuses "eps 0" "--eps: wanted a number above 0" on 2 "${folder[@]}" --eps 0
refuses "another activation" "--activation: wanted .* or .*'gelu'" on 2 "${folder[@]}" --activation gelu
refuses "another schedule" "--schedule: wanted .* or .*'polynomial'" on 2 "${folder[@]}" --schedule polynomial
refuses "a seed below 0" "--seed" on 2 "${folder[@]}" --seed -1
refuses "0 threads" "--threads" on 2 "${folder[@]}" --threads 0
refuses "a check without widths" "--widths must name the layers" on 2 check
refuses "a check with an option of training" "unknown argument: --lr" on 2 check --widths 4,3 --lr 0.1
refuses "a check with 0 samples" "--samples: wanted a whole number from 1" on 2 check --widths 4,3 --samples 0
refuses "a check on a mesh of other ranks" "mesh" on 2 check --widths 4,3 --mesh dp=2,tp=2
refuses "a check of micro-batches in exact mode" "--accumulate doesn't go with --exact" \
  on 2 check --widths 8,8 --exact --accumulate 2
refuses "a check of shards without exact mode" "--shards goes with --exact only" \
  on 2 check --widths 8,8 --shards 2
refuses "a check of more ranks than columns" "cannot cut the outputs of layers.0 among 4 ranks" \
  on 4 check --widths 4,3
refuses "a check that would take hours" "check of this size would take long.*--samples" \
  on 2 check --widths 784,1024,10 --samples 1000000000
refuses "a check larger than the machine" "need more memory than (node|a rank)" \
  on 2 check --widths 4,100000,100000,3 --batch 1 --steps 1 --samples 1
refuses "a check larger than the machine, on threads" "need more memory than (node|a rank)" \
  "$COLONNADE" check --ranks 2 --widths 4,100000,100000,3 --batch 1 --steps 1 --samples 1
refuses "no data" "either --data DIR or both" on 2 "${mlp[@]}" --widths 4,3
refuses "two kinds of data" "either --data DIR or both" on 2 "${folder[@]}" --inputs "$scratch/x.npy"
refuses "inputs without targets" "either --data" on 2 "${mlp[@]}" --inputs "$scratch/x.npy" --widths 3,2
refuses "no widths" "--widths" on 2 "${mlp[@]}" --data "$images"
refuses "one width" "--widths must name the layers" on 2 "${mlp[@]}" --data "$images" --widths 4
refuses "a width of 0" "--widths: wanted whole numbers from 1" on 2 "${mlp[@]}" --data "$images" --widths 4,0,3
refuses "a first width that isn't the data's" "wanted first width 4, found 5" \
  on 2 "${mlp[@]}" --data "$images" --widths 5,3
refuses "a last width that isn't the targets'" "wanted last width 2, found 4" \
  on 2 "${matrices[@]:0:8}" --widths 3,4
refuses "more ranks than columns" "cannot cut the outputs of layers.1 among 4 ranks.*found 3 columns" \
  on 4 "${folder[@]}"
refuses "a folder that isn't there" "cannot open .*/nowhere/train-images-idx3-ubyte.*make data" \
  on 2 "${mlp[@]}" --data "$scratch/nowhere" --widths 4,3
cp -r "$images" "$scratch/short" && truncate -s 30 "$scratch/short/train-images-idx3-ubyte"
refuses "truncated images" "short/train-images-idx3-ubyte.*wanted .*found" \
  on 2 "${mlp[@]}" --data "$scratch/short" --widths 4,3
cp -r "$images" "$scratch/magic" && cp "$images/train-labels-idx1-ubyte" "$scratch/magic/train-images-idx3-ubyte"
refuses "labels for images" "magic number 0x00000803.*found 0x00000801" \
  on 2 "${mlp[@]}" --data "$scratch/magic" --widths 4,3
cp -r "$images" "$scratch/count" && cp "$images/t10k-labels-idx1-ubyte" "$scratch/count/train-labels-idx1-ubyte"
refuses "fewer labels than images" "count/train-labels-idx1-ubyte.*" \
  on 2 "${mlp[@]}" --data "$scratch/count" --widths 4,3
npy "$scratch/nan.npy" 6 3 '\0\0\300\177'
refuses "NaN in data" "nan.npy.*" on 2 "${mlp[@]}" --inputs "$scratch/nan.npy" --targets "$scratch/y.npy" --widths 3,2
npy "$scratch/five.npy" 5 2
refuses "another number of targets" "five.npy" on 2 "${mlp[@]}" --inputs "$scratch/x.npy" \
  --targets "$scratch/five.npy" --widths 3,2
head -c 140 "$scratch/x.npy" >"$scratch/cut.npy"
refuses "a truncated matrix" "cut.npy.*wanted .*found" on 2 "${mlp[@]}" --inputs "$scratch/cut.npy" \
  --targets "$scratch/y.npy" --widths 3,2
refuses "a model of another shape" "layers.0.weight.*wanted .*found" \
  on 2 "${matrices[@]:0:8}" --widths 3,6,2 --load "$scratch/a.safetensors"
refuses "a file that is no model" "x.npy" on 2 "${matrices[@]}" --load "$scratch/x.npy"
head -c 200 "$scratch/a.safetensors" >"$scratch/cut.safetensors"
refuses "a truncated model" "cut.safetensors" on 2 "${matrices[@]}" --load "$scratch/cut.safetensors"
for option in save dump-gradients log; do
  refuses "an unwritable --$option" "nowhere/file.*No such file" \
    on 2 "${matrices[@]}" --steps 1 "--$option" "$scratch/nowhere/file"
  refuses "a folder as --$option" "$(basename "$scratch")" on 2 "${matrices[@]}" --steps 1 "--$option" "$scratch"
done
refuses "one file for two outputs" "--log would overwrite the file of --save.*found .*/./c" \
  on 2 "${matrices[@]}" --steps 1 --save "$scratch/c" --log "$scratch/./c"
cp "$scratch/x.npy" "$scratch/x.copy"
ln -s "$scratch/x.npy" "$scratch/link.npy"
for option in save dump-gradients log; do
  refuses "data as --$option" "--$option would overwrite the file of --inputs" \
    on 2 "${matrices[@]}" --steps 1 "--$option" "$scratch/link.npy"
  refuses "a data set as --$option" "--$option would overwrite the file of --data" \
    on 2 "${folder[@]}" "--$option" "$images/t10k-labels-idx1-ubyte"
done
echo precious >"$scratch/kept"
refuses "gradients beyond all bounds" \
  "^colonnade: step 2: $spoiled; $overflow.*--lr" \
  on 2 "${huge[@]}" --save "$scratch/kept" --dump-gradients "$scratch/kept2"
passes "and nothing is overwritten" grep -qx precious "$scratch/kept"
passes "nor written" test ! -e "$scratch/kept2"
refuses "another choice for numbers that aren't finite" "--on-nonfinite: wanted stop or skip" \
  on 2 "${matrices[@]}" --on-nonfinite ignore
refuses "the loaded model as --log" "--log would overwrite the file of --load" \
  on 2 "${matrices[@]}" --steps 1 --load "$scratch/a.safetensors" --log "$scratch/a.safetensors"
for run in first second; do
  passes "a log beside the data, $run run" on 2 "${folder[@]}" --steps 1 --log "$images/run.log"
done
passes "leaves the data as they were" cmp "$scratch/x.npy" "$scratch/x.copy"
passes "a run may replace the model it loaded" on 2 "${matrices[@]}" --steps 1 --lr 0 \
  --load "$scratch/b.safetensors" --save "$scratch/b.safetensors"
mkfifo "$scratch/fifo"
refuses "a pipe as --log" "fifo" on 2 "${matrices[@]}" --steps 1 --log "$scratch/fifo"
refuses "a pipe as --config" "fifo" on 2 "${matrices[@]}" --config "$scratch/fifo"
refuses "a network larger than the machine" "need more memory than (node|a rank).*wanted at most .*found" \
  on 2 "${mlp[@]}" --data "$images" --widths 4,2000000,2000000,3
refuses "a demo that would take long to prove" "--width" on 2 demo --width 2048
refuses "bad input after a good --save" "--lr" on 2 "${matrices[@]}" --lr x --save "$scratch/b.safetensors"
passes "leaves the file as it was" cmp "$scratch/a.safetensors" "$scratch/b.safetensors"
refuses "a config that isn't there" "cannot open .*nowhere.toml" on 2 train mlp --config "$scratch/nowhere.toml"
echo 'bogus = 1' >"$scratch/bogus.toml"
refuses "an unknown option in a config" "bogus.toml: unknown option 'bogus'" \
  on 2 train mlp --config "$scratch/bogus.toml"
printf '[train]\nbatch = 2\n' >"$scratch/section.toml"
refuses "a section in a config" "section.toml, line 1: 'train' cannot be an option" \
  on 2 train mlp --config "$scratch/section.toml"
printf 'batch = 2\nbatch = 3\n' >"$scratch/twice.toml"
refuses "a config that sets an option twice" "twice.toml, line 2 is no TOML" \
  on 2 train mlp --config "$scratch/twice.toml"
echo 'batch = 0' >"$scratch/zero.toml"
refuses "a bad value in a config" "zero.toml: --batch: wanted" on 2 "${matrices[@]}" --config "$scratch/zero.toml"
refuses "threads under mpiexec" "--ranks doesn't go with mpiexec" on 2 demo --ranks 2
refuses "0 ranks" "--ranks: wanted a whole number from 1" "$COLONNADE" demo --ranks 0
refuses "bad input on threads" "nowhere/train-images" \
  "$COLONNADE" "${mlp[@]}" --data "$scratch/nowhere" --widths 4,3 --ranks 3
refuses "a demo narrower than its ranks" "cannot cut the outputs of layers.0 among 3 ranks" on 3 demo --width 2

# --- A rank that dies takes the job with it ----------------------------------------------------------

on 2 "${matrices[@]}" --epochs 100000000 --seed 424242 >"$scratch/.out" 2>"$scratch/.err" &
job=$!
for _ in $(seq 100); do
  if grep -q "epoch 1" "$scratch/.out"; then break; fi
  sleep 0.1
done
killed_at=$SECONDS
pkill -KILL -n -f "colonnade train .*$scratch.*--seed 424242"
wait "$job"
status=$?
took=$((SECONDS - killed_at))
passes "killing one rank ends the job with an error" test "$status" != 0
passes "within 5 seconds" test "$took" -le 5
passes "and leaves no rank behind" sh -c "! pgrep -f 'colonnade trai[n] .*$scratch.*--seed 424242'"

# One file under two names, that isn't there yet.
refuses "a log over the model, by another name" "--log would overwrite the file of --save" \
  on 1 "${matrices[@]}" --steps 1 --save "$scratch/two-names" --log "$scratch/./two-names"
ln -s nothing-yet "$scratch/link"
refuses "a log over the model, by a link to nothing" "--log would overwrite the file of --save" \
  on 1 "${matrices[@]}" --steps 1 --save "$scratch/nothing-yet" --log "$scratch/link"
refuses "more micro-batches than rows" "more micro-batches than it has rows.*found 20000000" \
  on 2 "${matrices[@]}" --batch 6 --accumulate 20000000
refuses "tensors beyond any memory" "beyond any memory.*found 2147483648 x 2147483648" \
  on 1 train mlp --dry-run --widths 2147483648,2147483648
refuses "a dry run of what can't be cut, on all ranks" "the outputs of layers.1 among 3 ranks" \
  on 3 train mlp --dry-run --widths 4,5,2
prints "a dry run of what this node can't hold" "^too much memory: .* for (its ranks|a rank), (node .* has|a rank has) " \
  on 1 train mlp --dry-run --widths 1000000,1000000

finish
