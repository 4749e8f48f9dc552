/* Expiry and collection: a writer, a publisher, a maintainer, somebody who deletes a branch, a clock, one crash of the
 * maintainer at any step. See index.md.
 *
 * A state of the lake is a set of files. The writer names main or an older state; writes a file or takes those of that
 * state; commits to its branch; and publishes the branch later, and deletes it. Meanwhile the publisher moves main, and
 * what the writer does not name expires. The clock goes on in ticks, of
 * which what takes as long as anything may (a write, or a publication) sees none: the grace period is one tick. The
 * window of the policy is as short as it may be: what is older than the grace period is kept only if a ref needs it.
 *
 * With -DNESSIE the catalog does not know the commits of deleted branches: two earlier collections have to have found
 * what is moved, in place of a look at what commits have needed since.
 */

/* GUARDS, and where the code has them. -DWITHOUT=<guard> takes one out; then a property fails, as
 * tests/integration/publish/test_models.py shows for each. */
#define branches_marked  1    /* retention.branch_states: what branches have is marked, not main alone */
#define kept_marked      2    /* ExpiryRecord.kept: so is what the record keeps */
#define since_marked     3    /* retention.main_states, retention.side_states: so is what came to main's history since */
#define expiry_check     4    /* StateExpired: a state that has expired is not named */
#define found_before     5    /* garbage is moved if an earlier collection had found it */
#define grace            6    /* _Collector._lists_before: longer ago than the grace period */
#define age_first        7    /* _Collector._oldest_s: as of before anything was marked */
#define marked_again     8    /* _Collector._mark: and if nothing needs it now */
#define recent_marked    9    /* _Collector._needed_since: nor any commit since then, whatever became of its branch */
#define twice_found      10   /* _Collector._needed_lists: on Nessie, a collection the grace period before had found it */
#define looked_again     11   /* _Collector.run: on Nessie, and refs had not got it by the time that its list was made */

#ifndef WITHOUT
#define WITHOUT 0
#endif
#define guarded(guard)       (WITHOUT != guard)

#ifdef NESSIE
#define KNOWN   false                /* what commits of deleted branches needed */
#define FOUND   3                    /* so many collections may be made, at most */
#else
#define KNOWN   guarded(recent_marked)
#define FOUND   2
#endif

#define COMMITS 4
#define NONE    255
#define GRACE   1
#ifdef NESSIE
#define TICKS   2
#else
#define TICKS   3
#endif
#define IN(set, commit)      (((set) >> (commit)) & 1)
#define FILE(number)         (1 << (number))

/* The catalog: commits are numbered as they arrive, 0 is the root, of one file. A branch is its head, or NONE. */
byte parent[COMMITS], second[COMMITS], made_at[COMMITS], files[COMMITS];
byte behind[COMMITS];                /* a commit and its ancestors, by any parent, as a set */
byte made = 1, written = 1;
byte main = 0, work = NONE;

/* Time, and whether the writer is in the middle of something. */
byte now = 0;
bool busy;

/* The newest record, the list of an earlier collection, and the files that were moved into the trash. */
bool recorded, listed;
byte record_at, kept, list_from, list_at, list, gone;
#ifdef NESSIE
bool twice;                          /* there is a list before that one */
byte earlier, earlier_at;
#endif

byte events = 2;                     /* that happen beside: a crash, somebody who deletes a branch */
byte crashes = 1;

/* PROPERTIES, each true as long as it holds. */
bool refs_whole = true;              /* every branch has its files */
bool named_whole = true;             /* a state that can be named has its files */

#define property(name, holds)  name = (holds); assert(name); name = true

#define may_crash              if :: events > 0 && crashes > 0 -> events--; crashes--; goto crashed :: true fi
#define fault_point(name)      printf(#name); may_crash

#define EXPIRED(commit)        (recorded && made_at[commit] + GRACE < record_at && !IN(kept, commit))
#define WHOLE(commit)          ((files[commit] & gone) == 0)

inline check_refs() {
    property(refs_whole, WHOLE(main) && (work == NONE || WHOLE(work)))
}

/* A commit on top of `first`; `other` may be NONE. */
inline add(first, other, content) {
    assert(made < COMMITS);
    parent[made] = first;
    second[made] = other;
    made_at[made] = now;
    files[made] = content;
    behind[made] = behind[first] | (1 << made);
    if
    :: other != NONE -> behind[made] = behind[made] | behind[other]
    :: else
    fi;
    made++
}

proctype writer() {
    byte from, head, content;

    atomic {                               /* main, or any state of its history that has not expired */
        busy = true;
        from = 0;
        do
        :: from < made - 1 -> from++
        :: IN(behind[main], from) && (!guarded(expiry_check) || !EXPIRED(from)) -> break
        :: from == made - 1 && from != main -> from = main
        od;
        property(named_whole, WHOLE(from));
        head = main;
        if                                 /* another content, or what that state has */
        :: content = FILE(written); written++
        :: content = files[from]
        fi;
        from = 0
    }
    atomic {
        add(head, NONE, content);
        work = made - 1;
        content = 0;
        head = 0;
        busy = false;
        check_refs()
    }
    atomic {                               /* later: a publication */
        busy = true;
        if
        :: work == NONE -> goto done       /* somebody has deleted it */
        :: else -> head = work
        fi
    }
    atomic {
        add(main, head, files[head]);
        main = made - 1;
        work = NONE;
        check_refs()
    }
done:
    atomic { head = 0; busy = false }
}

/* Publishes other content; how that goes on beside a collection, the writer shows. */
proctype publisher() {
    atomic {
        add(main, NONE, FILE(written));
        written++;
        main = made - 1
    }
}

/* Deletes the branch, perhaps while it is being published. */
proctype other() {
end:
    atomic { work != NONE && events > 0 -> events--; work = NONE }
}

/* What a branch has: its head, and what is behind it to the state of main that it left. */
inline of_branch(one, set) {
    if
    :: one != NONE -> set = set | (1 << one) | (1 << parent[one])
    :: else
    fi
}

/* The files of a set of commits. */
inline needed(set, result) {
    at = 0;
    result = 0;
    do
    :: at < made && IN(set, at) -> result = result | files[at]; at++
    :: at < made && !IN(set, at) -> at++
    :: at == made -> break
    od;
    at = 0
}

proctype maintainer() {
    byte at, set, marked, found, due, asked, collections;

again:
    if
    :: !recorded -> goto expiry
    :: collections < FOUND -> goto collection
    :: true -> goto over
    fi;
expiry:
    atomic {
        fault_point(expire.refs);
        set = (1 << main);
        of_branch(work, set);
        kept = set;
        record_at = now;
        recorded = true;
        set = 0;
        fault_point(expire.recorded);
        goto again
    }
collection:
    atomic {                                         /* mark */
        asked = now;
        set = (1 << main);
        if
        :: guarded(branches_marked) -> of_branch(work, set)
        :: else
        fi;
        if
        :: recorded && guarded(kept_marked) -> set = set | kept
        :: else
        fi;
        at = 0;
        do
        :: at < made ->
            if
            :: guarded(since_marked) && IN(behind[main], at) && !EXPIRED(at) && !(recorded && IN(kept, at)) ->
                set = set | (1 << at)
            :: else
            fi;
            at++
        :: at == made -> break
        od;
        at = 0;
        do
        :: at < made && listed && KNOWN && made_at[at] + GRACE >= list_from -> set = set | (1 << at); at++
        :: at < made && !(listed && KNOWN && made_at[at] + GRACE >= list_from) -> at++
        :: at == made -> break
        od;
        needed(set, marked);
        set = 0;
        fault_point(collect.marked)
    }
    atomic {                                         /* list what is there, and note what is to wait */
        found = 0;
        at = 0;
        do
        :: at < written && (IN(marked, at) || IN(gone, at)) -> at++
        :: at < written && !(IN(marked, at) || IN(gone, at)) -> found = found | FILE(at); at++
        :: at == written -> break
        od;
        at = 0;
        due = (guarded(marked_again) -> found : 255 & ((1 << written) - 1) & ~gone);
        at = (guarded(age_first) -> asked : now);
        if
        :: !guarded(found_before) || (listed && (!guarded(grace) || list_at + GRACE <= at)) ->
            due = due & (guarded(found_before) -> list : 255)
        :: guarded(found_before) && !(listed && (!guarded(grace) || list_at + GRACE <= at)) -> due = 0
        fi;
#ifdef NESSIE
        if
        :: guarded(twice_found) -> due = due & (twice && earlier_at + GRACE <= list_at -> earlier : 0)
        :: else
        fi;
        if
        :: guarded(looked_again) ->
            set = (1 << main);
            of_branch(work, set);
            needed(set, marked);
            found = found & ~marked;
            due = due & ~marked;
            set = 0
        :: else
        fi;
#endif
        at = 0;
        marked = 0;
        fault_point(collect.listed);
        fault_point(collect.looked);
        if
#ifdef NESSIE
        :: listed -> earlier = list; earlier_at = list_at; twice = true; list = found; list_from = asked; list_at = now
#endif
        :: list = found; list_from = asked; list_at = now; listed = true
        :: listed                                    /* the one before is the newest that is old enough */
        fi;
        found = 0;
        asked = 0;
        fault_point(collect.noted);
        collections++;
        fault_point(collect.begun)
    }
    do
    :: atomic {
        due != 0 ->
        at = 0;
        do
        :: !IN(due, at) -> at++
        :: IN(due, at) -> break
        od;
        gone = gone | FILE(at);
        due = due & ~FILE(at);
        check_refs();
        at = 0;
        do
        :: at < made -> property(named_whole, !IN(behind[main], at) || EXPIRED(at) || WHOLE(at)); at++
        :: at == made -> break
        od;
        at = 0;
        fault_point(collect.moved)
    }
    :: due == 0 -> break
    od;
    goto again;

crashed:
    atomic {
        at = 0; set = 0; marked = 0; found = 0; due = 0; asked = 0;
        goto again
    }

over:
    skip
}

/* Goes on while nobody is in the middle of something. */
proctype clock() {
end:
    do
    :: atomic {
        now < TICKS && !busy -> now++
    }
    od
}

init {
    atomic {
        behind[0] = 1;
        files[0] = FILE(0);
        second[0] = NONE;
        run writer();
        run publisher();
        run maintainer();
        run other();
        run clock()
    }
}
