"""Annotations of one unit become tags: what a DIE's tags say, and DECL_TAG nodes for types.

LLVM makes them children of what they annotate, in source order; GCC a chain of references.
"""

from libc.stdint cimport uint32_t, uint64_t

from dwarfless._core.interner cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.program cimport NO_REF
from dwarfless._core.walk cimport *


cdef inline void collect_tags(Interner* x, uint32_t links, uint64_t annotation,
                              bint type_tags) noexcept nogil:
    """Put the values of a DIE's tags of one sort into `order`, in BTF's order.

    LLVM's are children, in source order; GCC's a chain of references, looked at if there are none.
    """
    cdef uint32_t index, steps
    cdef LocalTag* tag
    cdef LocalType* note
    x.order.num = 0
    while links:
        tag = &(<LocalTag*>x.walker.tags.items)[links - 1]
        if tag.is_type_tag == type_tags:
            push_u32(&x.order, tag.value)
        links = tag.next
    if x.order.num:
        return
    for steps in range(64):
        index = find_local(x, annotation)
        if index == 0:
            return
        note = local_type(x, index)
        if note.kind != LK_ANNOTATION:
            return
        if note.flags & (LOCAL_TYPE_TAG if type_tags else LOCAL_DECL_TAG):
            push_u32(&x.order, note.name)
        annotation = note.annotation


cdef inline void tag_node(Interner* x, LocalType* t, uint32_t links, uint64_t annotation,
                          uint32_t component) noexcept nogil:
    cdef uint32_t i
    if links == 0 and annotation == NO_REF:
        return
    collect_tags(x, links, annotation, False)
    for i in range(<uint32_t>x.order.num):
        begin(x, u32s(&x.order)[i], BTF_DECL_TAG, t.node)
        push_u32(&x.record, component)
        finish(x)


cdef inline void tag_types(Interner* x) noexcept nogil:
    """Add the decl tags of structs, unions, typedefs and their members."""
    cdef uint32_t i, link, component
    cdef LocalType* t
    cdef LocalChild* c
    cdef More* more
    if x.walker.tags.num == 0 and not x.walker.has_annotations:
        return
    for i in range(1, <uint32_t>x.walker.types.num):
        t = local_type(x, i)
        if t.kind not in (LK_STRUCT, LK_UNION, LK_TYPEDEF) or t.flags & LOCAL_DECLARATION:
            continue
        tag_node(x, t, t.tags, t.annotation, <uint32_t>MAX_U32)
        if t.kind == LK_TYPEDEF or not t.flags & LOCAL_TANGLED:
            continue
        link = t.first
        component = 0
        while link:
            c = local_child(x, link)
            more = more_of(x.walker, c)
            tag_node(x, t, more.tags, more.annotation, component)
            component += 1
            link = c.next
