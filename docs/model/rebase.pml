/* Rebase, rollback and restore: two publishers, two tables, an operator who rolls back, a foreign writer, one crash at
 * any step. See index.md.
 *
 * Publisher 0 appends a batch to the table `a`, builds the model `b` from it, publishes, and goes on with its branch;
 * or it replaces `a` to be rid of a foreign batch that is bad. Publisher 1 appends to `a` (its own batch, or the very
 * one of publisher 0), or replaces `a` and insists on its state (--ours), or restores `a` from an earlier one. A branch
 * that main has overtaken is rebased: what it did is done again on main's head in memory, and committed to the branch
 * with that head as second parent. A candidate, its audit and its receipt are one step here: publish.pml has them
 * apart. After a crash the same calls are made again.
 */

/* GUARDS, and where the code has them. -DWITHOUT=<guard> takes one out; then a property fails, as
 * tests/integration/publish/test_models.py shows for each. */
#define undone_check     1    /* Work.refuse_undone: a branch that stands on what was rolled back is refused */
#define entry_check     11    /* Work._walk_undone: a rollback undoes nothing that came to main after it */
#define hold_check       2    /* BatchHeld */
#define drop_check       3    /* WriteTransaction.add_files: batches that main has are not replayed */
#define branch_cas       4    /* rebase: its commit is by compare-and-swap on the branch */
#define second_parent    5    /* rebase: its commit has main's head as second parent */
#define refusal          6    /* Plan._reason: what was replaced or restored is not rebased without --ours */
#define rebuild          7    /* Replay.run: models are built again on their new inputs */
#define skew_check       8    /* Work._refuse_skew: a model fits the inputs that main will have */
#define cas              9    /* catalog.swap: main is still where the work began */
#define gate            10    /* rollback._was_audited: a state that was never published is audited first */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define guarded(guard)       (WITHOUT != guard)

#define COMMITS 16
#define NONE    255
#define REBASES 4                                          /* how often a branch may have to be rebased */

#define BATCH(number)        (1 << (2 * (number)))         /* a state of `a` counts how often it has each batch */
#define COUNT(rows, number)  (((rows) >> (2 * (number))) & 3)
#define PRESENT(rows)        (((rows) | ((rows) >> 1)) & 85)
#define FOREIGN              3                             /* the foreign writer's batch */
#define BUILT(rows)          (256 | (rows))                /* a state of `b` names the state of `a` that built it */
#define IN(set, commit)      (((set) >> (commit)) & 1)

/* The catalog: commits are numbered as they arrive, 0 is the root. A branch is the number of its head, or NONE. */
byte  parent[COMMITS], target[COMMITS], held[COMMITS];
short a[COMMITS], b[COMMITS];
int   behind[COMMITS];               /* a commit and its ancestors, by any parent, as a set */
byte  made = 1;
byte  main = 0, work[2] = NONE;

/* What is to be done. */
mtype = { append, replace, restore };
mtype job[2] = append;
bool  shared;                        /* publisher 1 has the batch of publisher 0 */
bool  bad;                           /* the foreign batch does not pass its checks */
byte  events = 2;                    /* that happen beside the publishers: a crash, a foreign commit, two rollbacks */
byte  crashes = 1;

/* What is only there to state the properties. */
mtype = { published, nothing_new, conflict, undone, held_back, audit_failed, contended };
int   on_main = 1;                   /* commits that main was moved to */
int   undone_at[COMMITS];            /* commits that rollbacks have undone, as each commit sees it */
byte  seen, away;                    /* batches that main ever had; those that a rollback removed for now */
byte  brings[2], gives_up[2];        /* batches that a branch may bring to main, and take from it, knowingly */

/* PROPERTIES, each true as long as it holds. */
bool audited_exactly = true;         /* main is a state that passed its audit */
bool one_line = true;                /* each commit of main is on top of the one before */
bool none_lost = true;               /* main, or a branch, loses a batch only by what says so */
bool once = true;                    /* main has a batch once */
bool no_skew = true;                 /* a model is published with the inputs that built it */
bool undone_stays_away = true;       /* what was rolled back comes back only by who knowingly brings it */
bool held_stays_away = true;         /* what was rolled back and held comes back by a rollback alone */
bool stands = true;                  /* what is published stands on nothing that was rolled back */
bool refused_rightly = true;         /* a branch is refused as undone only if it stands on such a state */
bool ends = true;                    /* a call ends with its work on main, or with the reason why not */

#define property(name, holds)  name = (holds); assert(name); name = true

#define may_crash              if :: events > 0 && crashes > 0 -> events--; crashes--; goto crashed :: true fi
#define fault_point(name)      printf(#name); may_crash

/* A commit on top of `first`; `second` may be NONE. */
inline add(first, second, new_a, new_b) {
    assert(made < COMMITS);
    parent[made] = first;
    target[made] = NONE;
    a[made] = new_a;
    b[made] = new_b;
    held[made] = held[first];
    behind[made] = behind[first] | (1 << made);
    undone_at[made] = undone_at[first];
    if
    :: second != NONE -> behind[made] = behind[made] | behind[second]
    :: else
    fi;
    made++
}

/* The merge base: the common ancestor that arrived last. */
inline meet(one, other, found) {
    found = made - 1;
    do
    :: IN(behind[one] & behind[other], found) -> break
    :: else -> found--
    od
}

/* Walk main's history as it counts, over what was undone: does the branch stand on that? */
inline find_undone() {
    at = base;
    answer = false;
    do
    :: at == 0 || at == parted -> break
    :: at != 0 && at != parted && target[at] != NONE && IN(behind[target[at]], parted) -> at = target[at]
    :: at != 0 && at != parted && target[at] != NONE && !IN(behind[target[at]], parted) -> answer = true; break
    :: at != 0 && at != parted && target[at] == NONE && IN(behind[parent[at]], parted) -> at = parent[at]
    :: at != 0 && at != parted && target[at] == NONE && !IN(behind[parent[at]], parted) ->   /* it came here */
        at = (guarded(entry_check) -> 0 : parent[at])
    od
}

/* `main` moves from `before` to the newest commit, which was made for `base`. */
inline move(before, removed) {
    before = main;
    main = made - 1;
    on_main = on_main | (1 << main);
    seen = seen | PRESENT(a[main]);
    property(one_line, parent[main] == before);
    property(audited_exactly, !(bad && COUNT(a[main], FOREIGN)));
    property(once, COUNT(a[main], 0) < 2 && COUNT(a[main], 1) < 2 && COUNT(a[main], 2) < 2 && COUNT(a[main], 3) < 2);
    property(none_lost, !(PRESENT(a[before]) & ~PRESENT(a[main]) & ~(removed)))
}

proctype publisher(byte me) {
    byte head, base, parted, at, rebases, batch, round, source;
    short new_a, new_b;
    bool answer, builds, insists, overtaken;

    batch = (me == 1 && !shared -> 1 : 0);
    source = NONE;
    builds = me == 0 && job[me] == append;
    insists = me == 1 && job[me] == replace;

again:
    if
    :: atomic { job[me] == replace && work[me] == NONE -> work[me] = main }
    :: else
    fi;
    atomic {                               /* lagoa.write, on the head of the work branch */
        if
        :: work[me] == NONE -> work[me] = main
        :: else
        fi;
        if
        :: job[me] == restore && source == NONE ->      /* any state that main had */
            source = 0;
            do
            :: source < main -> source++
            :: IN(on_main, source) -> break
            od
        :: else
        fi;
        head = work[me];
        if
        :: job[me] == restore ->
            new_a = a[source];
            brings[me] = brings[me] | PRESENT(a[source]);
            gives_up[me] = gives_up[me] | (PRESENT(a[head]) & ~PRESENT(a[source]))
        :: job[me] != restore && COUNT(a[head], batch) -> new_a = a[head]
        :: job[me] != restore && !COUNT(a[head], batch) ->
            if
            :: guarded(hold_check) && ((held[head] | held[main]) & BATCH(batch)) -> goto done
            :: else
            fi;
            new_a = a[head] + BATCH(batch);
            brings[me] = brings[me] | BATCH(batch);
            if
            :: job[me] == replace && COUNT(a[head], FOREIGN) ->
                new_a = new_a - BATCH(FOREIGN);
                gives_up[me] = gives_up[me] | BATCH(FOREIGN)
            :: else
            fi
        fi;
        new_b = (builds -> BUILT(new_a) : b[head]);
        if
        :: new_a != a[head] || new_b != b[head] -> add(head, NONE, new_a, new_b); work[me] = made - 1
        :: else
        fi;
        fault_point(write.committed)
    }
   

publish:
    atomic {
        head = work[me];
        base = main;
        meet(base, head, parted);
        find_undone();
        at = 0;
        if
        :: answer && guarded(undone_check) -> property(refused_rightly, IN(undone_at[base], parted)); goto done
        :: else
        fi;
        answer = false;
        if
        :: a[head] == a[parted] && b[head] == b[parted] ->
            property(ends, job[me] == restore || (seen & BATCH(batch)));
            goto done                                              /* NothingToPublish */
        :: else
        fi;
        overtaken = (a[head] != a[parted] && a[base] != a[parted] && a[base] != a[head]) ||
                    (b[head] != b[parted] && b[base] != b[parted] && b[base] != b[head]) ||
                    (b[head] != b[parted] && a[head] == a[parted] && a[base] != a[parted]);
        if
        :: overtaken -> rebases++; property(ends, rebases <= REBASES)
        :: else -> goto candidate
        fi;
        if                                                         /* lagoa rebase: on main's head, in memory */
        :: a[base] == a[parted] -> new_a = a[head]
        :: a[base] != a[parted] && a[head] == a[parted] -> new_a = a[base]
        :: a[base] != a[parted] && a[head] != a[parted] && job[me] == append ->
            new_a = a[base] + (PRESENT(a[head]) & ~PRESENT(a[parted]) & ~(guarded(drop_check) -> PRESENT(a[base]) : 0))
        :: a[base] != a[parted] && a[head] != a[parted] && job[me] != append ->
            if
            :: guarded(refusal) && !insists -> goto done           /* RebaseConflict */
            :: else
            fi;
            new_a = a[head];
            gives_up[me] = gives_up[me] | (insists -> PRESENT(a[base]) & ~PRESENT(a[head]) : 0)
        fi;
        new_b = b[base];
        if
        :: builds -> new_b = (guarded(rebuild) -> BUILT(new_a) : b[head])
        :: else
        fi;
        fault_point(rebase.begun);
        fault_point(rebase.written);
        fault_point(rebase.replayed)
    }
    atomic {
        if
        :: guarded(branch_cas) && work[me] != head -> goto publish   /* CommitLost */
        :: else
        fi;
        at = work[me];
        parted = (guarded(second_parent) -> base : NONE);
        add(head, parted, new_a, new_b);
        work[me] = made - 1;
        undone_at[work[me]] = undone_at[base];
        held[work[me]] = held[base];
        meet(base, at, parted);
        property(none_lost, !(PRESENT(a[at]) & ~PRESENT(a[parted]) & ~PRESENT(a[work[me]])));
        at = 0;
        fault_point(rebase.committed);
        goto publish
    }

candidate:
    atomic {                               /* the net change, its audit and its receipt */
        new_a = (a[head] != a[parted] -> a[head] : a[base]);
        new_b = (b[head] != b[parted] -> b[head] : b[base]);
        if
        :: guarded(hold_check) && (PRESENT(new_a) & ~PRESENT(a[base]) & held[base]) -> goto done   /* BatchHeld */
        :: bad && COUNT(new_a, FOREIGN) -> goto done                                               /* AuditFailed */
        :: guarded(skew_check) && b[head] != b[parted] && new_b != BUILT(new_a) ->                 /* PublishConflict */
            property(ends, COUNT(a[head], FOREIGN));       /* others wrote to the branch after the model was built */
            goto done
        :: else
        fi;
        fault_point(publish.receipt)
    }
    atomic {
        if
        :: guarded(cas) && main != base -> goto publish
        :: else
        fi;
        add(base, head, new_a, new_b);
        move(at, gives_up[me]);
        property(undone_stays_away, !(PRESENT(a[main]) & ~PRESENT(a[at]) & away & ~brings[me]));
        property(held_stays_away, !(PRESENT(a[main]) & ~PRESENT(a[at]) & held[at]));
        property(stands, !IN(undone_at[at], parted));
        property(no_skew, b[main] == b[at] || b[main] == BUILT(a[main]));
        property(ends, job[me] == restore || (seen & BATCH(batch)));
        away = away & ~PRESENT(a[main]);
        brings[me] = brings[me] & ~PRESENT(a[head]);
        gives_up[me] = 0;
        at = 0;
        fault_point(publish.swapped);
        goto done
    }

crashed:
    atomic {
        head = 0; base = 0; parted = 0; at = 0; rebases = 0; new_a = 0; new_b = 0; answer = false; overtaken = false;
        goto again
    }

done:
    atomic {
        head = 0; base = 0; parted = 0; at = 0; rebases = 0; new_a = 0; new_b = 0; answer = false; overtaken = false;
        if
        :: builds && round == 0 -> round = 1; batch = 2; goto again      /* it goes on with its branch */
        :: else
        fi
    }
}

/* Rolls main back to any state behind it, and perhaps forward again. */
proctype operator() {
    byte base, to, at, unseen, turn;
    bool hold;

next:
    atomic {
        if
        :: true -> goto stop                                       /* nothing more is rolled back */
        :: events > 0 && main != 0
        fi;
        events--;
        base = main;
        if
        :: turn == 0 ->
            to = 0;
            do
            :: to < base -> to++
            :: IN(behind[base], to) && a[to] != a[base] -> break
            :: to == base -> goto stop
            od;
            if :: hold = true :: hold = false fi
        :: else -> to = at                                         /* what the first one undid */
        fi
    }
again:
    atomic {
        base = main;
        if
        :: a[to] == a[base] && b[to] == b[base] -> goto over       /* NothingToPublish */
        :: bad && COUNT(a[to], FOREIGN) && guarded(gate) && !IN(on_main, to) -> goto over   /* AuditFailed */
        :: else
        fi;
        unseen = PRESENT(a[base]) & ~PRESENT(a[to]);
        fault_point(publish.begun)
    }
    atomic {
        if
        :: guarded(cas) && main != base -> goto over               /* PublishContended */
        :: else
        fi;
        add(base, NONE, a[to], b[to]);
        target[made - 1] = to;
        move(at, unseen);
        held[main] = (held[at] | (hold -> unseen : 0)) & ~PRESENT(a[to]);
        undone_at[main] = undone_at[to] | (behind[at] & ~behind[to]);
        away = (away | unseen) & ~PRESENT(a[to]);
        fault_point(publish.swapped);
        goto over
    }

crashed:
    goto again;

over:
    atomic {
        if
        :: turn == 0 && at != 0 -> turn = 1; hold = false; goto next
        :: else
        fi
    }
stop:
    skip
}

/* A colleague or another program commits to publisher 0's branch. */
proctype foreign() {
    atomic {
        if
        :: work[0] != NONE && events > 0 ->
            events--;
            add(work[0], NONE, a[work[0]] + BATCH(FOREIGN), b[work[0]]);
            work[0] = made - 1;
            brings[0] = brings[0] | BATCH(FOREIGN)
        :: true
        fi
    }
}

init {
    atomic {
        behind[0] = 1;
        target[0] = NONE;
        if
        :: job[0] = replace; bad = true
        :: job[0] = append
        fi;
        if
        :: job[1] = replace
        :: job[1] = restore
        :: job[1] = append
        :: job[1] = append; shared = true
        fi;
        run publisher(0);
        run publisher(1);
        run operator();
        run foreign()
    }
}
