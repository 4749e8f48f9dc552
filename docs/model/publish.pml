/* Publishing: two publishers, two tables, a foreign writer, and one crash at any step. See index.md.
 *
 * Each publisher loads a batch into the table `a`, or builds the model `b` from `a`, or both, on a branch of its own,
 * and publishes the branch, as lagoa.write and lagoa.publish do. After a crash it makes the same calls again. Meanwhile
 * the foreign writer does one thing to publisher 0's work branch or candidate.
 *
 * Between two fault points at most one thing happens that others see, so a crash there is like one at the point before.
 */

/* GUARDS, and where the code has them. -DWITHOUT=<guard> takes one out; then a property fails, as
 * tests/integration/publish/test_models.py shows for each. */
#define batch_check           1    /* lagoa.write: a batch that the table has is not loaded again */
#define key_check             2    /* WriteTransaction._commit: others changed none of the tables meanwhile */
#define sweep                 3    /* candidate.sweep: candidates that a crash left are removed */
#define fixed_head            4    /* work.publish: second parent is the head whose changes were taken */
#define conflict_check        5    /* Work.tables: a table that main changed, too, is refused */
#define skew_check            6    /* Work._refuse_skew: a model fits the inputs that main will have */
#define news_check            7    /* NothingToPublish */
#define exact_audit           8    /* candidate._publish: the audit reads the candidate's commit, not the branch */
#define gate                  9    /* AuditFailed */
#define receipt_before_swap  10    /* candidate._publish: the receipt is prepared first */
#define receipt_condition    11    /* moves.was_published: a receipt counts if its commit is on main */
#define first_parent_check   12    /* candidate._publish, catalog.swap: the commit is directly on top of main */
#define fixed_commit         13    /* catalog.swap: main moves to the commit that was audited, not to a branch */
#define cas                  14    /* catalog.swap: main is still at the candidate's base */
#define journal_before_swap  15    /* Journal.announce; on SQLite the move and its entry are one transaction */
#define journal_condition    16    /* Journal.moves: an entry counts if its commit is on main */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define guarded(guard)       (WITHOUT != guard)

#define COMMITS 12
#define NONE    255
#define TURNS   6                                          /* how often a call may begin a step again */

#define BATCH(who)           (1 << (2 * (who)))            /* a state of `a` counts how often it has each batch */
#define COUNT(rows, who)     (((rows) >> (2 * (who))) & 3)
#define PRESENT(rows)        (((rows) | ((rows) >> 1)) & 21)
#define FOREIGN              2                             /* the foreign writer's batch */
#define BUILT(rows)          (128 | (rows))                /* a state of `b` names the state of `a` that built it */
#define STRAY                64                            /* `b` as the foreign writer leaves it */
#define IN(set, commit)      (((set) >> (commit)) & 1)

/* The catalog: commits are numbered as they arrive, 0 is the root. A branch is the number of its head, or NONE. */
byte parent[COMMITS], merged[COMMITS], a[COMMITS], b[COMMITS];
int  behind[COMMITS];                /* a commit and its ancestors, by any parent, as a set */
byte made = 1;
byte main = 0, work[2] = NONE, candidate[2] = NONE, abandoned = NONE;
bool lenient;                        /* commits go on top of others' that changed other tables, as Nessie's own do */

/* The store of receipts, and the journal of moves, as sets of commits. */
int  receipts, journal;

/* What is to be done. */
mtype = { load, build, load_and_build };
mtype job[2] = load;
bool bad;                            /* publisher 0's batch does not pass its checks */
byte crashes = 1;

/* What is only there to state the properties. */
mtype = { published, nothing_new, conflict, audit_failed };
mtype result[2] = nothing_new;
int  audited = 1, landed;            /* commits that an audit read; heads of branches that were published */

/* PROPERTIES, each true as long as it holds. */
bool audited_exactly = true;         /* main is a commit that was audited, and passed */
bool one_line = true;                /* each commit of main is a publication on top of the one before */
bool none_lost = true;               /* main has every batch of its whole history */
bool once = true;                    /* main has a batch once, and a state of a branch is published once */
bool no_skew = true;                 /* a model is published with the inputs that built it */
bool receipts_fit = true;            /* the receipts that count are those of main's commits */
bool journal_fits = true;            /* so are the moves that the journal tells */
bool ends = true;                    /* a call ends, with its work on main or with the reason why not */
bool clean = true;                   /* what a crash left is gone after the same call */

#define property(name, holds)  name = (holds); assert(name); name = true

#define crash_possible         if :: crashes > 0 -> crashes--; goto crashed :: true fi
#define fault_point(name)      printf(#name); crash_possible

/* A commit on a branch, of whichever tables are said, with a second parent or NONE. */
inline add(branch, second, with_a, new_a, with_b, new_b) {
    assert(made < COMMITS);
    parent[made] = branch;
    merged[made] = second;
    a[made] = (with_a -> new_a : a[branch]);
    b[made] = (with_b -> new_b : b[branch]);
    behind[made] = behind[branch] | (1 << made);
    if
    :: second != NONE -> behind[made] = behind[made] | behind[second]
    :: else
    fi;
    branch = made;
    made++
}

/* What others are told of main's history, by receipts and by the journal, is main's history. */
inline check_records() {
    line = 0;
    at = main;
    do
    :: at != 0 -> line = line | (1 << at); at = parent[at]
    :: else -> break
    od;
    at = 1;
    do
    :: at < made ->
        property(receipts_fit, IN(line, at) == (IN(receipts, at) && (IN(line, at) || !guarded(receipt_condition))));
        property(journal_fits, IN(line, at) == (IN(journal, at) && (IN(line, at) || !guarded(journal_condition))));
        at++
    :: else -> break
    od;
    at = 0;
    line = 0
}

/* `main` was at `before`, and has moved. */
inline check_move(before) {
    property(audited_exactly, IN(audited, main) && !(bad && COUNT(a[main], 0)));
    property(no_skew, b[main] == b[before] || b[main] == STRAY || b[main] == BUILT(a[main]));
    property(once, COUNT(a[main], 0) < 2 && COUNT(a[main], 1) < 2 && !IN(landed, merged[main]));
    if
    :: merged[main] != NONE -> landed = landed | (1 << merged[main])
    :: else
    fi;
    at = 0;
    do
    :: at < made ->
        property(none_lost, !IN(behind[main], at) || !(PRESENT(a[at]) & ~PRESENT(a[main])));
        at++
    :: else -> break
    od;
    at = 0;
    property(one_line, parent[main] == before && merged[main] != NONE)
}

proctype publisher(byte me) {
    byte head, base, parted, commit, turns, new_a, new_b, at;
    int line;
    bool with_a, with_b, died;

again:
    atomic {                               /* lagoa.write: staged on the head of the work branch */
        if
        :: work[me] == NONE -> work[me] = main
        :: else
        fi;
        head = work[me];
        turns++;
        property(ends, turns <= TURNS);
        new_a = a[head];
        if
        :: job[me] != build && !(COUNT(new_a, me) && guarded(batch_check)) -> new_a = new_a + BATCH(me)
        :: else
        fi;
        new_b = (job[me] != load -> BUILT(new_a) : b[head]);
        with_a = new_a != a[head];
        with_b = new_b != b[head];
        if
        :: !with_a && !with_b -> goto publish
        :: else
        fi;
        fault_point(write.files);
        fault_point(write.metadata)
    }
    atomic {                               /* on top of what others did to other tables */
        if
        :: guarded(key_check) && ((with_a && a[work[me]] != a[head]) || (with_b && b[work[me]] != b[head])) ->
            goto again                                     /* CommitLost */
        :: else -> add(work[me], NONE, with_a, new_a, with_b, new_b)
        fi;
        new_a = 0; new_b = 0;
        fault_point(write.committed)
    }

publish:
    atomic {
        head = work[me];
        abandoned = (guarded(sweep) -> NONE : abandoned);
        fault_point(publish.begun)
    }
retry:
    atomic {                               /* the net change since the merge base, and the candidate */
        base = main;
        turns++;
        property(ends, turns <= TURNS);
        parted = made - 1;                                 /* the merge base: the common ancestor that arrived last */
        do
        :: IN(behind[base] & behind[head], parted) -> break
        :: else -> parted--
        od;
        with_a = a[head] != a[parted];
        with_b = b[head] != b[parted];
        if
        :: guarded(conflict_check) && with_a && a[base] != a[parted] && a[base] != a[head] ->
            result[me] = conflict;
            goto done
        :: guarded(conflict_check) && with_b && b[base] != b[parted] && b[base] != b[head] ->
            result[me] = conflict;
            goto done
        :: else
        fi;
        with_a = with_a && a[base] != a[head];
        with_b = with_b && b[base] != b[head];
        new_a = (with_a -> a[head] : a[base]);
        new_b = (with_b -> b[head] : b[base]);
        if
        :: guarded(skew_check) && with_b && new_b != STRAY && new_b != BUILT(new_a) -> result[me] = conflict; goto done
        :: guarded(news_check) && !with_a && !with_b -> result[me] = nothing_new; goto done
        :: else
        fi;
        candidate[me] = base;
        parted = 0;
        fault_point(publish.candidate)
    }
    atomic {
        head = (guarded(fixed_head) -> head : work[me]);
        if
        :: candidate[me] == base || (lenient && candidate[me] != NONE &&
                                     !(with_a && a[candidate[me]] != a[base]) &&
                                     !(with_b && b[candidate[me]] != b[base])) ->
            add(candidate[me], head, with_a, new_a, with_b, new_b);
            commit = candidate[me]
        :: else -> candidate[me] = NONE; goto retry        /* CommitLost, RefNotFound: others were at the candidate */
        fi;
        new_a = 0; new_b = 0; with_a = false; with_b = false;
        fault_point(publish.committed)
    }
    atomic {
        audited = audited | (1 << (guarded(exact_audit) -> commit : head));
        if
        :: guarded(gate) && bad && COUNT(a[commit], 0) -> candidate[me] = NONE; result[me] = audit_failed; goto done
        :: else
        fi;
        fault_point(publish.audited)
    }
    atomic {                               /* a turn is fair, but no lock: nothing here depends on one */
        fault_point(publish.turn);
        if
        :: guarded(cas) && main != base -> candidate[me] = NONE; goto retry                      /* CommitLost */
        :: else
        fi;
        receipts = receipts | (guarded(receipt_before_swap) -> 1 << commit : 0);
        fault_point(publish.receipt)
    }
    atomic {
        if
        :: guarded(first_parent_check) && parent[commit] != base ->
            candidate[me] = NONE;
            goto again                                     /* CatalogDamaged */
        :: else
        fi;
        journal = journal | (guarded(journal_before_swap) -> 1 << commit : 0);
        crash_possible                     /* on Nessie the entry and the move are two writes */
    }
    atomic {
        if
        :: guarded(cas) && main != base -> candidate[me] = NONE; goto retry                      /* CommitLost */
        :: else
        fi;
        d_step {
            base = main;
            main = (guarded(fixed_commit) || candidate[me] == NONE -> commit : candidate[me]);
            check_move(base);
            check_records()
        }
        fault_point(publish.swapped)
    }
    atomic {
        receipts = receipts | (1 << commit);
        journal = journal | (1 << commit);
        candidate[me] = NONE;
        result[me] = published;
        fault_point(publish.cleaned);
        goto done
    }

crashed:                                   /* the process is gone, and somebody makes the same calls again */
    atomic {
        if
        :: candidate[me] != NONE -> abandoned = candidate[me]; candidate[me] = NONE
        :: else
        fi;
        head = 0; base = 0; parted = 0; commit = 0; turns = 0; new_a = 0; new_b = 0; with_a = false; with_b = false;
        died = true;
        goto again
    }

done:
    atomic {
        property(clean, candidate[me] == NONE && !(died && abandoned != NONE));
        property(ends, result[me] == conflict || result[me] == audit_failed || job[me] == build ||
                       COUNT(a[main], me) == 1);
        check_records();
        head = 0; base = 0; commit = 0; turns = 0; died = false
    }
}

/* A colleague or another program: one change, at any time. */
proctype foreign() {
    if
    :: atomic { work[0] != NONE -> add(work[0], NONE, true, a[work[0]] + BATCH(FOREIGN), false, 0) }
    :: atomic { work[0] != NONE -> add(work[0], NONE, false, 0, true, STRAY) }
    :: atomic { candidate[0] != NONE -> add(candidate[0], NONE, true, a[candidate[0]] + BATCH(FOREIGN), false, 0) }
    :: atomic { candidate[0] != NONE -> add(candidate[0], NONE, false, 0, true, STRAY) }
    :: atomic { candidate[0] != NONE ->                    /* made anew from main, with something else on it */
                candidate[0] = main;
                add(candidate[0], NONE, true, a[candidate[0]] + BATCH(FOREIGN), false, 0) }
    :: atomic { candidate[0] != NONE -> candidate[0] = NONE }
    :: true
    fi
}

init {
    atomic {
        behind[0] = 1;
        merged[0] = NONE;
        if :: lenient = true :: bad = true :: true fi;
        if :: job[0] = load_and_build :: true fi;
        if :: job[1] = build :: true fi;
        run publisher(0);
        run publisher(1);
        run foreign()
    }
}
