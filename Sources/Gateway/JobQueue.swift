import DequeModule

/// Jobs in the order they came, few of them under way at once.
struct JobQueue<Job> {
    private let runningMax: Int
    private var running = 0
    private var waiting: Deque<Job> = []

    init(runningMax: Int) {
        self.runningMax = runningMax
    }

    /// Nothing is under way, and nothing waits.
    var isIdle: Bool { running == 0 && waiting.isEmpty }

    /// - Returns: the job to be started, if it may be already.
    mutating func add(_ job: Job) -> Job? {
        waiting.append(job)
        return startNext()
    }

    /// One is done.
    /// - Returns: the job to be started in its place.
    mutating func finished() -> Job? {
        running -= 1
        return startNext()
    }

    private mutating func startNext() -> Job? {
        guard running < runningMax, let job = waiting.popFirst() else { return nil }
        running += 1
        return job
    }
}
