# What a checkpoint costs, from a run's lines with the time of each before it: "TIME step N/M | …"
# and "TIME saved PATH in SECONDS s". Variables: bytes of a checkpoint, seconds of a plain write, steps
# from one checkpoint to the next.
# The first checkpoint takes memory from the system, later ones have it: they are counted apart too.
# The last checkpoint, at the end of the run, has no steps after it and counts for nothing.

$2 == "step" { time[++steps] = $1 }
$2 == "saved" { seconds[++saves] = $(NF - 1) }

function median(values, count,    i, j, value) {
    for (i = 2; i <= count; i++) {
        value = values[i]
        for (j = i - 1; j > 0 && values[j] > value; j--) values[j + 1] = values[j]
        values[j + 1] = value
    }
    return count % 2 ? values[(count + 1) / 2] : (values[count / 2] + values[count / 2 + 1]) / 2
}

END {
    # Which steps begin while a checkpoint is taken or written.
    for (save = 1; interval * save < steps && save < saves; save++) {
        written++
        total += seconds[save]
        for (step = interval * save + 1; step <= steps; step++) {
            if (time[step - 1] < time[interval * save] + seconds[save]) around[step] = 1
        }
    }
    # The first step prepares, and has nothing before it.
    for (step = 2; step <= steps; step++) {
        if (step in around) {
            longer += time[step] - time[step - 1]
            near++
            if (step > 2 * interval) {
                later_longer += time[step] - time[step - 1]
                later_near++
            }
        } else plain_steps[++others] = time[step] - time[step - 1]
    }
    if (!written || !near || others < 3) exit 1
    usual = median(plain_steps, others)
    rate = written * bytes / total
    if (later_near && written > 1)
        printf "{\"laterLongerStep\": %.5f, \"laterLostSeconds\": %.4f, ",
            later_longer / later_near / usual - 1, (later_longer - later_near * usual) / (written - 1)
    else printf "{"
    printf "\"longerStep\": %.5f, \"lostSeconds\": %.4f, \"usualStep\": %.4f, \"stepsAround\": %.1f, ",
        longer / near / usual - 1, (longer - near * usual) / written, usual, near / written
    printf "\"bytes\": %d, \"writeRate\": %.0f, \"plainRate\": %.0f, \"writeShare\": %.4f}\n",
        bytes, rate, bytes / plain, rate * plain / bytes
}
