"""Numbers of the DWARF standard, spelled as it spells them.

Source: DWARF 5, section 7; vendor extensions from the compilers' own headers.
"""

cdef enum:  # unit types, 7.5.1
    DW_UT_compile = 0x01
    DW_UT_type = 0x02
    DW_UT_partial = 0x03
    DW_UT_skeleton = 0x04
    DW_UT_split_compile = 0x05
    DW_UT_split_type = 0x06

cdef enum:  # tags, 7.5.3
    DW_TAG_array_type = 0x01
    DW_TAG_class_type = 0x02
    DW_TAG_enumeration_type = 0x04
    DW_TAG_formal_parameter = 0x05
    DW_TAG_imported_declaration = 0x08
    DW_TAG_label = 0x0A
    DW_TAG_lexical_block = 0x0B
    DW_TAG_member = 0x0D
    DW_TAG_pointer_type = 0x0F
    DW_TAG_reference_type = 0x10
    DW_TAG_compile_unit = 0x11
    DW_TAG_string_type = 0x12
    DW_TAG_structure_type = 0x13
    DW_TAG_subroutine_type = 0x15
    DW_TAG_typedef = 0x16
    DW_TAG_union_type = 0x17
    DW_TAG_unspecified_parameters = 0x18
    DW_TAG_variant = 0x19
    DW_TAG_inheritance = 0x1C
    DW_TAG_inlined_subroutine = 0x1D
    DW_TAG_module = 0x1E
    DW_TAG_ptr_to_member_type = 0x1F
    DW_TAG_set_type = 0x20
    DW_TAG_subrange_type = 0x21
    DW_TAG_base_type = 0x24
    DW_TAG_const_type = 0x26
    DW_TAG_enumerator = 0x28
    DW_TAG_file_type = 0x29
    DW_TAG_packed_type = 0x2D
    DW_TAG_subprogram = 0x2E
    DW_TAG_variant_part = 0x33
    DW_TAG_variable = 0x34
    DW_TAG_volatile_type = 0x35
    DW_TAG_restrict_type = 0x37
    DW_TAG_interface_type = 0x38
    DW_TAG_namespace = 0x39
    DW_TAG_imported_unit = 0x3D
    DW_TAG_unspecified_type = 0x3B
    DW_TAG_partial_unit = 0x3C
    DW_TAG_shared_type = 0x40
    DW_TAG_type_unit = 0x41
    DW_TAG_rvalue_reference_type = 0x42
    DW_TAG_coarray_type = 0x44
    DW_TAG_dynamic_type = 0x46
    DW_TAG_atomic_type = 0x47
    DW_TAG_call_site = 0x48
    DW_TAG_skeleton_unit = 0x4A
    DW_TAG_immutable_type = 0x4B
    DW_TAG_GNU_call_site = 0x4109
    DW_TAG_LLVM_annotation = 0x6000
    DW_TAG_GNU_annotation = 0x6001

cdef enum:  # attributes, 7.5.4
    DW_AT_sibling = 0x01
    DW_AT_location = 0x02
    DW_AT_name = 0x03
    DW_AT_byte_size = 0x0B
    DW_AT_bit_offset = 0x0C
    DW_AT_bit_size = 0x0D
    DW_AT_low_pc = 0x11
    DW_AT_language = 0x13
    DW_AT_comp_dir = 0x1B
    DW_AT_const_value = 0x1C
    DW_AT_inline = 0x20
    DW_AT_producer = 0x25
    DW_AT_upper_bound = 0x2F
    DW_AT_abstract_origin = 0x31
    DW_AT_artificial = 0x34
    DW_AT_calling_convention = 0x36
    DW_AT_count = 0x37
    DW_AT_data_member_location = 0x38
    DW_AT_declaration = 0x3C
    DW_AT_encoding = 0x3E
    DW_AT_external = 0x3F
    DW_AT_import = 0x18
    DW_AT_specification = 0x47
    DW_AT_type = 0x49
    DW_AT_ranges = 0x55
    DW_AT_signature = 0x69
    DW_AT_data_bit_offset = 0x6B
    DW_AT_str_offsets_base = 0x72
    DW_AT_addr_base = 0x73
    DW_AT_rnglists_base = 0x74
    DW_AT_dwo_name = 0x76
    DW_AT_alignment = 0x88
    DW_AT_loclists_base = 0x8C
    DW_AT_GNU_dwo_name = 0x2130
    DW_AT_GNU_dwo_id = 0x2131
    DW_AT_GNU_addr_base = 0x2133
    DW_AT_GNU_annotation = 0x2139

cdef enum:  # forms, 7.5.6
    DW_FORM_addr = 0x01
    DW_FORM_block2 = 0x03
    DW_FORM_block4 = 0x04
    DW_FORM_data2 = 0x05
    DW_FORM_data4 = 0x06
    DW_FORM_data8 = 0x07
    DW_FORM_string = 0x08
    DW_FORM_block = 0x09
    DW_FORM_block1 = 0x0A
    DW_FORM_data1 = 0x0B
    DW_FORM_flag = 0x0C
    DW_FORM_sdata = 0x0D
    DW_FORM_strp = 0x0E
    DW_FORM_udata = 0x0F
    DW_FORM_ref_addr = 0x10
    DW_FORM_ref1 = 0x11
    DW_FORM_ref2 = 0x12
    DW_FORM_ref4 = 0x13
    DW_FORM_ref8 = 0x14
    DW_FORM_ref_udata = 0x15
    DW_FORM_indirect = 0x16
    DW_FORM_sec_offset = 0x17
    DW_FORM_exprloc = 0x18
    DW_FORM_flag_present = 0x19
    DW_FORM_strx = 0x1A
    DW_FORM_addrx = 0x1B
    DW_FORM_ref_sup4 = 0x1C
    DW_FORM_strp_sup = 0x1D
    DW_FORM_data16 = 0x1E
    DW_FORM_line_strp = 0x1F
    DW_FORM_ref_sig8 = 0x20
    DW_FORM_implicit_const = 0x21
    DW_FORM_loclistx = 0x22
    DW_FORM_rnglistx = 0x23
    DW_FORM_ref_sup8 = 0x24
    DW_FORM_strx1 = 0x25
    DW_FORM_strx2 = 0x26
    DW_FORM_strx3 = 0x27
    DW_FORM_strx4 = 0x28
    DW_FORM_addrx1 = 0x29
    DW_FORM_addrx2 = 0x2A
    DW_FORM_addrx3 = 0x2B
    DW_FORM_addrx4 = 0x2C
    DW_FORM_GNU_addr_index = 0x1F01
    DW_FORM_GNU_str_index = 0x1F02
    DW_FORM_GNU_ref_alt = 0x1F20
    DW_FORM_GNU_strp_alt = 0x1F21

cdef enum:  # base type encodings, 7.8
    DW_ATE_boolean = 0x02
    DW_ATE_complex_float = 0x03
    DW_ATE_float = 0x04
    DW_ATE_signed = 0x05
    DW_ATE_signed_char = 0x06
    DW_ATE_imaginary_float = 0x09

cdef enum:  # the operations that place a variable or a member, 7.7.1
    DW_OP_addr = 0x03
    DW_OP_constu = 0x10
    DW_OP_stack_value = 0x9F
    DW_OP_plus_uconst = 0x23
    DW_OP_addrx = 0xA1
    DW_OP_GNU_addr_index = 0xFB

cdef enum:
    DW_CC_nocall = 0x03

cdef enum:  # languages whose functions are scopes, 7.12 and the registry of language names
    DW_LANG_C89 = 0x0001
    DW_LANG_C = 0x0002
    DW_LANG_C99 = 0x000C
    DW_LANG_C11 = 0x001D
    DW_LANG_C17 = 0x002C
    DW_LANG_Assembly = 0x0031
    DW_LANG_Mips_Assembler = 0x8001
